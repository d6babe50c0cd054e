"""The classifier's pictures: written, and the confusions counted as by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from whatsit_client.taxonomy import INTENTS, TAGS, TOPICS

from whatsit.evaluation.datasets.classifier_sets import EvaluationSet, FloatArray, agreement, gate_scores
from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture
from whatsit.evaluation.reports.classifier_plots import (
    draw_confusions,
    draw_gate_curve,
    draw_topic_confusion,
    hardest_confusions,
)

SHOWN = ["dress", "dress", "dress", "top", "top"]
SAID = ["top", "skirt", "top", "top", "dress"]
SURE = [0.6, 0.7, 0.9, 0.8, 0.5]


@pytest.fixture
def sets(tmp_path: Path) -> list[EvaluationSet]:
    garments = []
    for index, tag in enumerate(SHOWN):
        Image.new("RGB", (40, 30), (40 * index, 0, 0)).save(tmp_path / f"{index}.png")
        garments.append(TaggedPicture(tmp_path / f"{index}.png", "clothing", "apparel", tag))
    pets = [TaggedPicture(tmp_path / "0.png", "imagenet", "other", "pet")] * 2
    return [
        EvaluationSet("clothing val", garments, ["photo"] * 5),
        EvaluationSet("imagenet held out", pets, ["photo"] * 2),
    ]


@pytest.fixture
def found() -> dict[str, dict[str, FloatArray]]:
    tags = np.zeros((5, len(TAGS)), np.float32)
    tags[np.arange(5), [TAGS.index(tag) for tag in SAID]] = SURE
    pets = np.zeros((2, len(TAGS)), np.float32)
    pets[:, TAGS.index("pet")] = 1
    other = np.array([0.1, 0.2, 0.3, 0.4, 0.9], np.float32)
    intents = np.stack([1 - other, np.zeros(5, np.float32), other], axis=1)
    topics = np.zeros((5, len(TOPICS)), np.float32)
    topics[:, 1] = 1
    return {
        "clothing val": {"tag": tags, "topic": topics, "intent": intents},
        "imagenet held out": {"tag": pets, "topic": topics[:2], "intent": np.eye(3, dtype=np.float32)[[2, 1]]},
    }


def test_the_most_frequent_confusion_comes_first_and_the_surest_mistake_in_it(
    sets: list[EvaluationSet], found: dict[str, dict[str, FloatArray]]
) -> None:
    rows = hardest_confusions(found, sets)
    assert rows[0][:3] == ("dress", "top", 2)
    assert [(member.path.stem, round(score, 3)) for member, score in rows[0][3]] == [("2", 0.9), ("0", 0.6)]
    assert {row[:3] for row in rows[1:]} == {("dress", "skirt", 1), ("top", "dress", 1)}


def test_the_gate_is_judged_by_goods_against_the_rest(
    sets: list[EvaluationSet], found: dict[str, dict[str, FloatArray]]
) -> None:
    scores, goods = gate_scores(found, sets)
    np.testing.assert_allclose(scores, [0.9, 0.8, 0.7, 0.6, 0.1, 0, 1], atol=1e-6)
    assert goods.tolist() == [True] * 5 + [False] * 2
    assert INTENTS[-1] == "other"


def test_agreement_counts_equal_best_tags(sets: list[EvaluationSet], found: dict[str, dict[str, FloatArray]]) -> None:
    other = {name: {"tag": outputs["tag"].copy()} for name, outputs in found.items()}
    other["clothing val"]["tag"][0, TAGS.index("hat")] = 1
    assert agreement(found, other) == {"clothing val": 0.8, "imagenet held out": 1.0}


def test_pictures_are_written(
    sets: list[EvaluationSet], found: dict[str, dict[str, FloatArray]], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    draw_gate_curve({"ours": found, "frozen": found}, sets, tmp_path / "gate.png")
    draw_topic_confusion(found, sets, tmp_path / "topics.png")
    draw_confusions(found, sets, tmp_path / "confusions.png")
    for name in ("gate", "topics", "confusions"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 3
