"""The classifier's batches: reproducible, of the promised shares, with targets that are probabilities."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS

torch = pytest.importorskip("torch")

from whatsit.evaluation.tagged import TaggedPicture  # noqa: E402
from whatsit.training.classifier_data import ClassifierViews, tag_targets  # noqa: E402
from whatsit.training.classifier_recipe import ClassifierRecipe  # noqa: E402


@pytest.fixture
def pictures(tmp_path: Path) -> list[TaggedPicture]:
    made = []
    rows = [("imagenet", "other", "pet"), ("imagenet", "other", "building"), ("clothing", "apparel", "dress")]
    for index, (group, intent, tag) in enumerate(rows):
        path = tmp_path / f"{index}.jpg"
        cv2.imwrite(str(path), np.full((60, 80, 3), 60 * index + 40, np.uint8))
        made.append(TaggedPicture(path, group, intent, tag))
    return made


def test_targets_mix_truth_and_teacher(pictures: list[TaggedPicture]) -> None:
    teacher = np.full((3, len(TAGS)), 1 / len(TAGS), np.float32)
    targets = tag_targets(pictures, teacher, share=0.6)
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)
    assert targets[0, TAGS.index("pet")] == pytest.approx(0.4 + 0.6 / 42)
    assert targets[2, TAGS.index("dress")] == pytest.approx(0.7 + 0.3 / 42)


def test_batches(pictures: list[TaggedPicture]) -> None:
    recipe = ClassifierRecipe(batch=60, composed=0.5)
    tags = tag_targets(pictures, np.full((3, len(TAGS)), 1 / len(TAGS), np.float32), 0.5)
    views = ClassifierViews(pictures, tags, recipe, size=96)
    images, targets = views.batch(3)
    assert images.shape == (60, 3, 96, 96)
    assert images.dtype == torch.uint8
    composed = (targets["source"] != SOURCES.index("photo")).float().mean()
    assert 0.3 < composed < 0.7
    apparel = (targets["intent"] == INTENTS.index("apparel")).float().mean()
    assert 0.1 < apparel < 0.55  # 0.18 of 0.58, the groups that are there
    torch.testing.assert_close(targets["topic"].sum(dim=1), torch.ones(60))
    again, _ = views.batch(3)
    assert torch.equal(images, again)
    assert not torch.equal(images, views.batch(4)[0])
