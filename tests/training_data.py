"""A grocery store in small, and networks that start from random weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three products in a folder laid out as the real data set, and some scenes."""
    folder = tmp_path_factory.mktemp("data")
    grocery, rng = folder / "grocery_store", np.random.default_rng(0)
    rows, splits = [], {"train": [], "val": []}
    for label, name in enumerate(("Apple", "Melon", "Milk")):
        colour = np.array([40, 110, 200])[np.roll(range(3), label)]
        for split, count in (("train", 6), ("val", 2)):
            for number in range(count):
                path = Path(split) / f"{name}_{number}.jpg"
                _write(grocery / path, colour + rng.integers(-20, 20, 3))
                splits[split].append(f"{path}, {label}, {label}")
        _write(grocery / f"shop/Fruit/{name}.jpg", colour)
        rows.append(f"{name},{label},{name},{label},/shop/Fruit/{name}.jpg,/shop/Fruit/{name}.txt")
    for split, lines in splits.items():
        (grocery / f"{split}.txt").write_text("\n".join(lines))
    header = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)"
    paths = "Iconic Image Path (str),Product Description Path (str)"
    (grocery / "classes.csv").write_text("\n".join([f"{header},{paths}", *rows]))
    for number in range(4):
        _write(folder / f"imagenet_sample/{number}.jpg", rng.integers(0, 255, 3))
    return folder


def _write(path: Path, colour: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 50, 3), colour.clip(0, 255), np.uint8))


@pytest.fixture
def small_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from random weights: the tests must not need the real ones."""
    pytest.importorskip("torch")
    from whatsit.models.embedder import Embedder

    original = Embedder.__init__

    def start(self: Embedder, dimension: int = 128, weights: Path | None = None, *rest: str, **named: str) -> None:
        original(self, dimension, None, *rest, **named)

    monkeypatch.setattr(Embedder, "__init__", start)
