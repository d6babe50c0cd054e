"""Scores of a classifier: the intent gate, the source and the tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS

FloatArray = npt.NDArray[np.float32]
_OTHER = INTENTS.index("other")


def auc(scores: FloatArray, positive: npt.NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve; NaN for an empty side.

    Args:
        scores: f32 [N].
        positive: bool [N].
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores)) if positive.any() and not positive.all() else float("nan")


def false_accepts(scores: FloatArray, sought: npt.NDArray[np.bool_], coverage: float = 0.95) -> float:
    """Return the false-positive rate of the gate at a true-positive rate.

    Args:
        scores: f32 [N], higher for goods.
        sought: bool [N], True for pictures with goods.
        coverage: 0..1.
    """
    if not sought.any() or sought.all():
        return float("nan")
    threshold = np.quantile(scores[sought], 1 - coverage)
    return float((scores[~sought] >= threshold).mean())


def gate_curve(scores: FloatArray, sought: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return coverage and false accepts at each threshold.

    Args:
        scores: f32 [N], higher for goods.
        sought: bool [N], True for pictures with goods.

    Returns:
        Two f32 [G], G pictures with goods: the share of them that passes, rising to 1, and the share of the others
        that passes beside them.
    """
    thresholds = np.sort(scores[sought])[::-1]
    others = np.sort(scores[~sought])
    coverage = np.arange(1, len(thresholds) + 1) / max(len(thresholds), 1)
    passed = len(others) - np.searchsorted(others, thresholds, side="left")
    return coverage.astype(np.float32), (passed / max(len(others), 1)).astype(np.float32)


def confusion(best: npt.NDArray[np.int64], truth: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Return counts i64 [classes, classes]: truth in rows, predictions in columns."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, best), 1)
    return counts


def gate_figures(intent: FloatArray, truth: Sequence[str]) -> dict[str, float]:
    """Return the gate's figures.

    Args:
        intent: f32 [N, 3] scores in the order of `INTENTS`.
        truth: N intents.

    Returns:
        intent accuracy, AUC of goods and apparel against other, `false_other` (goods and apparel called other by the
        highest score), `other_kept` (other called other) and `false_accepts_95`.
    """
    called = intent.argmax(axis=1)
    labels = np.array([INTENTS.index(name) for name in truth])
    sought, wanted = labels != _OTHER, 1 - intent[:, _OTHER]
    return {
        "intent_accuracy": _share(called == labels),
        "auc": auc(wanted, sought),
        "false_other": _share(called[sought] == _OTHER),
        "other_kept": _share(called[~sought] == _OTHER),
        "false_accepts_95": false_accepts(wanted, sought),
    }


def tag_figures(outputs: Mapping[str, FloatArray], truth: Sequence[str], topics: Sequence[str]) -> dict[str, float]:
    """Return top-1 accuracy of tag and topic, and top-5 accuracy of the tag.

    Args:
        outputs: `tag` f32 [N, 42] and `topic` f32 [N, 9].
        truth: N tags.
        topics: N topics.
    """
    labels = np.array([TAGS.index(name) for name in truth])
    best = np.argsort(-outputs["tag"], axis=1)[:, :5]
    topic = np.array([TOPICS.index(name) for name in topics])
    return {
        "tag": _share(best[:, 0] == labels),
        "tag_top5": _share((best == labels[:, None]).any(axis=1)),
        "topic": _share(outputs["topic"].argmax(axis=1) == topic),
    }


def source_accuracy(source: FloatArray, truth: Sequence[str]) -> float:
    """Return the accuracy of source scores f32 [N, 3], in the order of `SOURCES`."""
    return _share(source.argmax(axis=1) == np.array([SOURCES.index(name) for name in truth]))


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")
