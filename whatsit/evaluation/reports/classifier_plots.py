"""Plots of the classifier: the gate's curve, topic and tag confusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from whatsit_client.errors import Unavailable
from whatsit_client.taxonomy import TAG_TOPIC, TAGS, TOPICS

from whatsit.evaluation.datasets.classifier_sets import EvaluationSet, FloatArray, gate_scores
from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture
from whatsit.evaluation.metrics.classification import auc, confusion, gate_curve

Found = Mapping[str, Mapping[str, FloatArray]]

_COLOURS = ("#3366aa", "#cc6633", "#228866")
_TILE, _CAPTION, _GAP, _COLUMNS = 150, 34, 6, 4


def draw_gate_curve(runs: Mapping[str, Found], sets: Sequence[EvaluationSet], file: Path) -> None:
    """Draw coverage against false accepts, a curve for each classifier.

    Args:
        runs: outputs of each classifier, by its name.
        sets: the pictures.
        file: the PNG to write.

    Raises:
        Unavailable: matplotlib, which draws, is missing.
    """
    figure = _figure(6.4, 4.4)
    axes = figure.add_subplot()
    for (name, found), colour in zip(runs.items(), _COLOURS, strict=False):
        scores, goods = gate_scores(found, sets)
        coverage, false = gate_curve(scores, goods)
        label = f"{name}: AUC {auc(scores, goods):.4f}"
        axes.step(100 * coverage, 100 * false, where="post", color=colour, label=label)
    axes.axvline(95, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_xlim(80, 100.2)
    axes.set_ylim(-0.5, 20)
    axes.set_xlabel("coverage: pictures with goods that pass, %")
    axes.set_ylabel("false accepts: others that pass, %")
    axes.set_title(f"The gate: {int(goods.sum())} pictures with goods, {int((~goods).sum())} without")
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(file, dpi=130)


def draw_topic_confusion(found: Found, sets: Sequence[EvaluationSet], file: Path) -> None:
    """Draw the confusion matrix of topics: truth in rows, predictions in columns.

    Args:
        found: the classifier's outputs.
        sets: the pictures; composed ones are left out.
        file: the PNG to write.

    Raises:
        Unavailable: matplotlib is missing.
    """
    counts = np.zeros((len(TOPICS), len(TOPICS)), np.int64)
    for judged in _of_photos(sets):
        truth = np.array([TOPICS.index(TAG_TOPIC[picture.tag]) for picture in judged.pictures])
        counts += confusion(found[judged.name]["topic"].argmax(axis=1), truth, len(TOPICS))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = _figure(7, 6)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            shade = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=shade, fontsize=8)
    axes.set_xticks(range(len(TOPICS)), TOPICS, rotation=45, ha="right")
    axes.set_yticks(range(len(TOPICS)), [f"{name} ({n})" for name, n in zip(TOPICS, counts.sum(axis=1), strict=True)])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    figure.savefig(file, dpi=130)


def hardest_confusions(
    found: Found, sets: Sequence[EvaluationSet], pairs: int = 8, each: int = _COLUMNS
) -> list[tuple[str, str, int, list[tuple[TaggedPicture, float]]]]:
    """Return the most frequent pairs of true and predicted tag.

    Returns:
        True tag, predicted tag, number of photos, and of those the pictures with the highest scores for the wrong tag.
    """
    wrong: dict[tuple[str, str], list[tuple[TaggedPicture, float]]] = {}
    for judged in _of_photos(sets):
        scores = found[judged.name]["tag"]
        for picture, row in zip(judged.pictures, scores, strict=True):
            predicted = TAGS[int(row.argmax())]
            if predicted != picture.tag:
                wrong.setdefault((picture.tag, predicted), []).append((picture, float(row.max())))
    counted = Counter({pair: len(members) for pair, members in wrong.items()})
    return [
        (truth, predicted, count, sorted(wrong[truth, predicted], key=lambda member: -member[1])[:each])
        for (truth, predicted), count in counted.most_common(pairs)
    ]


def draw_confusions(found: Found, sets: Sequence[EvaluationSet], file: Path) -> None:
    """Draw the hardest tag confusions: a row for each, with its highest scores.

    Args:
        found: the classifier's outputs.
        sets: the pictures; composed ones are left out.
        file: the PNG to write. It shows pictures of the data sets: their terms apply.
    """
    rows = hardest_confusions(found, sets)
    width, height = _COLUMNS * (_TILE + _GAP) + _GAP, _TILE + _CAPTION
    sheet = Image.new("RGB", (width, max(1, len(rows)) * height + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (truth, predicted, count, members) in enumerate(rows):
        top = number * height + _GAP
        pen.text((_GAP, top), f"{truth} called {predicted}: {count}", fill="black")
        for column, (picture, score) in enumerate(members):
            left = _GAP + column * (_TILE + _GAP)
            with Image.open(picture.path) as photo:
                tile = photo.convert("RGB")
            tile.thumbnail((_TILE, _TILE))
            sheet.paste(tile, (left, top + _CAPTION - 8))
            pen.text((left, top + 12), f"{picture.path.stem[:18]} {score:.2f}", fill="#666666")
    sheet.save(file)


def _of_photos(sets: Sequence[EvaluationSet]) -> list[EvaluationSet]:
    return [judged for judged in sets if set(judged.sources) == {"photo"}]


def _figure(width: float, height: float):  # type: ignore[no-untyped-def]  # matplotlib is not typed and may be missing
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Unavailable("Drawing curves needs matplotlib: pip install matplotlib.") from error
    return Figure(figsize=(width, height), layout="constrained")
