"""Scenes of several products, and what is counted in them, against answers written by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput
from whatsit_client.identification import Identification
from whatsit_client.types import Item, Match, Region

from whatsit.evaluation.datasets.product_scenes import ProductScene, collages, drawn_scenes, split
from whatsit.evaluation.reports.scene_report import match_scene, tabulate_scenes
from whatsit.rendering.product import make_products
from whatsit.vision.boxes import area, iou
from whatsit.vision.decode import decode_image

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (128, 128, 128)}


@pytest.fixture
def photos(tmp_path: Path) -> list[tuple[Path, str]]:
    made = []
    for name, colour in COLOURS.items():
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), np.full((90, 60, 3), colour[::-1], np.uint8))
        made.append((path, name))
    return made


def test_collages_hold_each_photo_in_its_box(photos: list[tuple[Path, str]]) -> None:
    for scene in collages(photos, 12, seed=4):
        pixels = decode_image(scene.image).pixels
        height, width = pixels.shape[:2]
        assert 2 <= len(set(scene.items)) == len(scene.items) == len(scene.boxes) <= 4
        overlaps = iou(scene.boxes, scene.boxes)
        assert (overlaps[~np.eye(len(overlaps), dtype=bool)] == 0).all()
        assert (scene.boxes >= 0).all()
        assert (scene.boxes[:, 2] <= width).all()
        assert (scene.boxes[:, 3] <= height).all()
        assert area(scene.boxes).sum() > 0.15 * width * height
        for (x1, y1, x2, y2), name in zip(scene.boxes.astype(int), scene.items, strict=True):
            inside = pixels[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].reshape(-1, 3).mean(axis=0)
            np.testing.assert_allclose(inside, COLOURS[name], atol=12)
            assert (y2 - y1) / (x2 - x1) == pytest.approx(1.5, rel=0.05)


def test_a_scene_is_the_same_whatever_the_count(photos: list[tuple[Path, str]]) -> None:
    three, four = list(collages(photos, 3, 1)), list(collages(photos, 4, 1))
    assert three[2].image == four[2].image
    products = make_products(12, 5)
    first = next(drawn_scenes(products, 1, 5))
    assert first.image == next(drawn_scenes(products, 9, 5)).image
    assert set(first.items) <= {product.id for product in products}
    assert len(first.items) == len(first.boxes)


def test_too_few_items_are_refused(photos: list[tuple[Path, str]]) -> None:
    with pytest.raises(InvalidInput, match="at least 4"):
        next(collages(photos[:3], 1, 0))


def test_cells_fill_the_rectangle() -> None:
    cells = np.array(split(100, 60, 4, np.random.default_rng(0)), np.float32)
    assert area(cells).sum() == 6000
    overlaps = iou(cells, cells)
    np.testing.assert_array_equal(overlaps, np.eye(4))


def region(box: tuple[float, float, float, float], *items: str) -> Region:
    matches = tuple(Match(Item(item), 1.9 - 0.1 * place) for place, item in enumerate(items))
    return Region(box=box, score=1.0, label="", matches=matches)


def test_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = np.array([[0, 0, 40, 40], [50, 50, 100, 100]], np.float32)
    scene = ProductScene(b"", boxes, ("cup", "jar"))
    found = Identification.__new__(Identification)  # only its regions are read
    regions = (
        region((0, 0, 100, 100), "tin", "cup"),
        region((0, 0, 40, 30), "cup", "tin"),  # IoU 0.75 with the cup
        region((0, 50, 40, 100), "jar"),  # of nothing
        region((50, 50, 100, 90), "tin", "jar"),  # IoU 0.8 with the jar
    )
    object.__setattr__(found, "regions", regions)
    whole, detected = match_scene(found, scene)
    assert [(item.place, item.boxed, item.boxed_place) for item in whole] == [(1, False, None), (None, False, None)]
    assert [(item.place, item.boxed, item.boxed_place) for item in detected] == [(0, True, 0), (0, True, 1)]
    assert whole[0].merged == 1
    assert whole[1].merged is None
    rows = tabulate_scenes("two", [(whole, detected)])
    assert [(row.scenes, row.items) for row in rows] == [(1, 2), (1, 2)]
    assert (rows[0].first, rows[0].top5, rows[0].merged5, rows[0].boxed) == (0, 0.5, 0.5, 0)
    assert (rows[1].first, rows[1].top5, rows[1].boxed) == (1, 1, 1)
    assert (rows[1].boxed_first, rows[1].boxed_top5) == (0.5, 1)
