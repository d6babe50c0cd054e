from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.embedder import Embedder  # noqa: E402 (after the skip)
from whatsit.studies.unseen_products import FROZEN_BLOCKS, Tail, splits  # noqa: E402
from whatsit.training.embedder.cached_views import CachedViews  # noqa: E402


class _Grey:
    """Picture k is 10 k bright, a view of it a little brighter."""

    classes, labels = 3, np.arange(3)

    def plain(self, index: int, size: int) -> np.ndarray:
        return np.full((3, size, size), 10 * index, np.uint8)

    def view(self, index: int, size: int, rng: np.random.Generator) -> np.ndarray:
        return self.plain(index, size) + rng.integers(1, 9, dtype=np.uint8)


def test_splits_are_disjoint_and_always_the_same() -> None:
    groups = splits(81, 16, seed=2026)
    assert [len(group) for group in groups] == [16] * 5
    assert len({label for group in groups for label in group}) == 80
    assert groups == splits(81, 16, seed=2026)
    assert groups != splits(81, 16, seed=1)


def test_cached_views_are_what_the_layers_made_of_them(tmp_path: Path) -> None:
    layers = torch.nn.AvgPool2d(8)
    cached = CachedViews(_Grey(), layers, views=2, size=8, seed=5, file=tmp_path / "maps.npy")
    grey = _Grey().view(2, 8, np.random.default_rng([5, 2, 0]))[0, 0, 0]
    np.testing.assert_allclose(cached.plain(2, 8), (grey - 127.5) / 127.5, atol=1e-3)
    seen = {float(cached.view(1, 8, np.random.default_rng(k))[0, 0, 0]) for k in range(20)}
    assert len(seen) == 2
    again = CachedViews(_Grey(), torch.nn.Identity(), views=2, size=8, seed=5, file=tmp_path / "maps.npy")
    assert np.array_equal(again.plain(2, 8), cached.plain(2, 8))


def test_frozen_layers_and_tail_make_the_embedder() -> None:
    torch.manual_seed(0)
    network = Embedder(8).eval()
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        maps = images
        for layer in network.backbone.layers[: FROZEN_BLOCKS + 1]:
            maps = layer(maps)
        torch.testing.assert_close(Tail(network)(maps), network(images))
