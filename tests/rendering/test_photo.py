"""Photographs and scenes: repeatable, with boxes that fit what is visible."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from whatsit.rendering.photo import cut_out, photograph
from whatsit.rendering.product import Product, draw, make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import write_scenes, write_shop


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return make_products(60, seed=3)


def test_the_same_randomness_gives_the_same_photo(products: list[Product]) -> None:
    cut = draw(products[0], 128)
    first, box = photograph(cut, np.random.default_rng(4), (160, 120))
    second, again = photograph(cut, np.random.default_rng(4), (160, 120))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(box, again)
    assert first.shape == (120, 160, 3)
    assert first.dtype == np.uint8
    assert box.dtype == np.float32


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_the_box_lies_inside_and_is_tight(strength: float) -> None:
    """A pure green slab on a black ground: the green pixels are the truth."""
    slab = np.zeros((90, 60, 4), np.uint8)
    slab[..., 1] = slab[..., 3] = 255
    black = np.zeros((200, 200, 3), np.uint8)
    for seed in range(12):
        photo, box = photograph(slab, np.random.default_rng(seed), (200, 160), black, strength)
        x1, y1, x2, y2 = box
        assert 0 <= x1 < x2 <= 200
        assert 0 <= y1 < y2 <= 160
        if strength == 0.0:
            green = photo[..., 1] > 100
            columns, rows = np.flatnonzero(green.any(0)), np.flatnonzero(green.any(1))
            np.testing.assert_allclose(box, [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], atol=2)


def test_a_catalogue_picture_loses_its_white() -> None:
    picture = np.full((80, 100, 3), 255, np.uint8)
    picture[20:60, 30:50] = (200, 30, 30)
    cut = cut_out(picture)
    assert abs(cut.shape[0] - 40) <= 4
    assert abs(cut.shape[1] - 20) <= 4


def test_a_picture_without_white_stays_a_rectangle() -> None:
    picture = np.full((50, 70, 3), 90, np.uint8)
    cut = cut_out(picture)
    assert cut.shape == (50, 70, 4)
    assert (cut[..., 3] == 255).all()
    photo, _ = photograph(np.full((40, 40, 3), 255, np.uint8), np.random.default_rng(0))  # all white: kept whole
    assert photo.shape == (256, 256, 3)


def test_strength_makes_photos_worse(products: list[Product]) -> None:
    cut, ground = draw(products[5], 128), np.full((128, 128, 3), 128, np.uint8)

    def sharpness(strength: float) -> float:
        photos = [photograph(cut, np.random.default_rng(k), (128, 128), ground, strength)[0] for k in range(10)]
        return float(np.median([cv2.Laplacian(p, cv2.CV_32F).var() for p in photos]))

    assert sharpness(0.0) > sharpness(1.0)


def test_scene_boxes_lie_inside_and_name_different_products(products: list[Product]) -> None:
    for seed in range(6):
        scene = make_scene(products, np.random.default_rng(seed), (320, 240), count=4)
        assert scene.image.shape == (240, 320, 3)
        assert scene.boxes.shape == (4, 4)
        assert scene.boxes.dtype == np.float32
        assert len(set(scene.product_ids)) == 4
        assert (scene.boxes[:, :2] >= 0).all()
        assert (scene.boxes[:, 2] <= 320).all()
        assert (scene.boxes[:, 3] <= 240).all()
        assert ((scene.boxes[:, 2:] - scene.boxes[:, :2]) > 15).all()


def test_a_scene_repeats_and_takes_fewer_products_than_asked(products: list[Product]) -> None:
    one = make_scene(products[:2], np.random.default_rng(1), (200, 150), count=5)
    two = make_scene(products[:2], np.random.default_rng(1), (200, 150), count=5)
    np.testing.assert_array_equal(one.image, two.image)
    assert len(one.product_ids) == 2


def test_the_shop_on_disk_is_complete_and_kept(tmp_path: Path) -> None:
    table = write_shop(tmp_path, 12, seed=3)
    rows = table.read_text().splitlines()
    assert rows[0].startswith("id,title,brand,category,price,url,image")
    assert len(rows) == 13
    image = tmp_path / "images" / f"{make_products(12, 3)[0].id}.jpg"
    assert cv2.imread(str(image)).shape == (320, 320, 3)
    stamp = image.stat().st_mtime_ns
    write_shop(tmp_path, 14, seed=3)
    assert image.stat().st_mtime_ns == stamp
    assert len(list((tmp_path / "images").glob("*.jpg"))) == 14


def test_truth_names_products_and_boxes_and_extends(tmp_path: Path, products: list[Product]) -> None:
    table = write_scenes(tmp_path, products, 2, seed=5)
    truth = json.loads(table.read_text())
    longer = json.loads(write_scenes(tmp_path, products, 3, seed=5).read_text())
    assert longer[:2] == truth
    ids = {p.id for p in products}
    for row in longer:
        assert (tmp_path / row["image"]).exists()
        assert len(row["boxes"]) == len(row["product_ids"]) >= 2
        assert set(row["product_ids"]) <= ids
