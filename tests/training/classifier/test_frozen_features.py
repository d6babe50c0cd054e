"""What the ImageNet network sees: asked once per view, kept, and asked anew about other pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("torch")

from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_matrix
from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture
from whatsit.training.classifier import frozen_features as seen_views
from whatsit.training.classifier.data import ClassifierViews

CAT, LEMON = 282, 952


class Network:
    """Features are the mean of the picture; dark pictures are cats, light ones lemons."""

    calls = 0

    def __init__(self, path: Path) -> None:
        pass

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        Network.calls += 1
        mean = float(feeds["images"].mean())
        probs = np.zeros((1, 1001), np.float32)
        probs[0, CAT if mean < 0 else LEMON] = 0.5  # the rest went to the background class
        middle = np.zeros((1, 96, 14, 14), np.float32)
        middle[:, :, :7] = mean
        return {"embedding": np.full((1, 1280, 1, 1), mean, np.float32), "middle": middle, "probs": probs}


def views_of(folder: Path, greys: list[int]) -> ClassifierViews:
    pictures = []
    for index, grey in enumerate(greys):
        path = folder / f"{len(greys)}-{index}.png"
        cv2.imwrite(str(path), np.full((80, 80, 3), grey, np.uint8))
        pictures.append(TaggedPicture(path, "imagenet", "other", "pet"))
    return ClassifierViews(pictures, seed=3, size=32)


def test_views_are_seen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_views, "OnnxRunner", Network)
    monkeypatch.setattr(seen_views, "with_middle", lambda weights, target: target)
    console, views = Console(quiet=True), views_of(tmp_path, [10, 240])
    Network.calls = 0
    seen = seen_views.see_views(views, 3, tmp_path, tmp_path / "seen", console)
    assert Network.calls == 2 + 2 + 4  # of a composed view the photo inside is asked about too
    assert seen.features.shape == (3, 2, 1280 + 96)
    np.testing.assert_allclose(seen.features[0, :, 0], (np.array([10, 240]) - 127.5) / 127.5, atol=1e-3)
    np.testing.assert_allclose(seen.features[0, :, -1], (np.array([10, 240]) - 127.5) / 255, atol=1e-3)
    np.testing.assert_allclose(seen.tags, np.broadcast_to(tag_matrix()[[CAT, LEMON]], (3, 2, 42)))
    np.testing.assert_allclose(seen.intents, np.broadcast_to(intent_matrix()[[CAT, LEMON]], (3, 2, 3)))
    assert seen.sources[:2].tolist() == [[0, 0], [0, 0]]
    assert (seen.sources[2] > 0).all()
    again = seen_views.see_views(views, 3, tmp_path, tmp_path / "seen", console)
    assert Network.calls == 8
    np.testing.assert_array_equal(again.features, seen.features)
    seen_views.see_views(views_of(tmp_path, [10, 240, 90]), 1, tmp_path, tmp_path / "seen", console)
    assert Network.calls == 11
