"""What is erased, looked at pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.embedder.random_erasing import CELL, erase  # noqa: E402 (after the skip)

SIDE = 4 * CELL


def white(n: int) -> torch.Tensor:
    return torch.ones(n, 3, SIDE, SIDE)


def changed(images: torch.Tensor, erased: torch.Tensor) -> np.ndarray:
    """bool [n, h, w], where any channel differs."""
    return (images != erased).any(dim=1).numpy()


def test_random_erasing_fills_one_rectangle_with_noise() -> None:
    torch.manual_seed(0)
    images = white(40)
    for mask in changed(images, erase(images, "random", 1.0, 0.25)):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert mask.sum() == len(rows) * len(columns)
        assert 0.015 < mask.mean() < 0.26
        assert 0.25 < len(rows) / len(columns) < 4
    assert images.eq(1).all()


def test_bernoulli_erasing_tosses_a_coin_for_each_cell() -> None:
    torch.manual_seed(0)
    images = white(200)
    erased = erase(images, "bernoulli", 1.0, 0.3)
    cells = erased[:, 0].reshape(200, 4, CELL, 4, CELL).permute(0, 1, 3, 2, 4).flatten(3).numpy()
    assert (cells.min(axis=3) == cells.max(axis=3)).all()
    assert set(np.unique(cells)) == {0.0, 1.0}
    assert (cells == 0).mean() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 3200) ** 0.5)


def test_adversarial_erasing_takes_the_cells_of_the_strongest_response() -> None:
    maps = np.random.default_rng(0).normal(size=(3, 5, 4, 4)).astype(np.float32)
    erased = erase(white(3), "adversarial", 1.0, 0.25, lambda images: torch.from_numpy(maps[: len(images)]))
    for mask, strength in zip(changed(white(3), erased), maps.mean(axis=1), strict=True):
        expected = np.kron(strength >= np.sort(strength.ravel())[-4], np.ones((CELL, CELL), bool))
        np.testing.assert_array_equal(mask, expected)


def test_a_chance_of_zero_or_none_changes_nothing() -> None:
    images = white(4)
    assert erase(images, "random", 0.0, 0.3) is images
    assert erase(images, "none", 1.0, 0.3) is images


def test_the_same_generator_state_erases_the_same() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(erase(white(6), "random", 0.5, 0.2))
    assert torch.equal(*results)
    assert 0 < changed(white(6), results[0]).any(axis=(1, 2)).sum() < 6
