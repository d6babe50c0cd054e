from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.label_file import Box, Picture
from whatsit.labelling.background_removal import cut_out, named_pictures, write_cutouts
from whatsit.labelling.composites import compose
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import catalogue_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two red products on white in folders of their names, a photo without plain ground, three grey scenes."""
    (tmp_path / "products" / "tea").mkdir(parents=True)
    (tmp_path / "products" / "jam").mkdir()
    (tmp_path / "scenes").mkdir()
    for name, side in (("tea", 40), ("jam", 60)):
        picture = np.full((100, 100, 3), 255, np.uint8)
        picture[20 : 20 + side, 10:90] = (0, 0, 255)
        picture[35:45, 40:50] = 255  # a white label: part of the product
        cv2.imwrite(str(tmp_path / "products" / name / "front.png"), picture)
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "products" / "tea" / "photo.png"), noise)
    for number in range(3):
        cv2.imwrite(str(tmp_path / "scenes" / f"{number}.png"), np.full((90, 120, 3), 100, np.uint8))
    return tmp_path


def test_a_product_on_white_is_cut_out_with_its_white_label(folder: Path) -> None:
    bgr = cv2.imread(str(folder / "products" / "tea" / "front.png"))
    rgba = cut_out(np.asarray(bgr[..., ::-1], dtype=np.uint8))
    assert rgba is not None
    assert rgba.shape[:2] == pytest.approx((40, 80), abs=3)
    assert (rgba[..., 3] > 127).mean() > 0.95
    assert cut_out(np.full((50, 50, 3), 255, np.uint8)) is None


def test_catalogue_pictures_of_the_drawn_shop_can_be_cut_out() -> None:
    for product in make_products(6, 3):
        picture = catalogue_picture(product)
        rgba = cut_out(picture)
        assert rgba is not None
        assert 0.15 < rgba.shape[0] * rgba.shape[1] / (picture.shape[0] * picture.shape[1]) < 1


def test_composites_have_exact_boxes_and_their_folders_names(folder: Path) -> None:
    cut, refused = write_cutouts(named_pictures(folder / "products"), folder / "cut")
    assert [picture.name for picture in cut] == ["jam", "tea"]
    assert [path.name for path in refused] == ["photo.png"]
    scenes = sorted((folder / "scenes").iterdir())
    labels = compose(cut, scenes, folder / "out", 6, size=200, seed=3, most=1)
    assert len(labels.pictures) == 6
    for picture in labels.pictures:
        pixels = cv2.imread(str(folder / "out" / picture.file))[..., ::-1].astype(int)
        red = (pixels[..., 0] - pixels[..., 1] > 50) & (pixels[..., 0] - pixels[..., 2] > 50)
        rows, columns = np.nonzero(red)
        (box,) = picture.boxes
        assert box.name in {"jam", "tea"}
        assert box.corners == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=4)


def test_an_interrupted_composition_goes_on_and_the_seed_decides(folder: Path) -> None:
    cut, _ = write_cutouts(named_pictures(folder / "products"), folder / "cut")
    scenes = sorted((folder / "scenes").iterdir())

    def stop(numbers: list[int]):
        yield numbers[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compose(cut, scenes, folder / "a", 4, size=128, track=stop)
    resumed = compose(cut, scenes, folder / "a", 4, size=128)
    assert resumed == compose(cut, scenes, folder / "b", 4, size=128)
    assert resumed != compose(cut, scenes, folder / "c", 4, size=128, seed=1)
    assert (folder / "a" / "00000.jpg").read_bytes() == (folder / "b" / "00000.jpg").read_bytes()
    with pytest.raises(InvalidInput, match="other settings"):
        compose(cut, scenes, folder / "a", 5, size=128)


def test_known_things_in_scenes_stay_known(folder: Path) -> None:
    cut, _ = write_cutouts(named_pictures(folder / "products"), folder / "cut")
    scenes = sorted((folder / "scenes").iterdir())
    known = {path: Picture(path.name, 120, 90, (Box(30, 20, 60, 50, "vase"),)) for path in scenes}
    labels = compose(cut, scenes, folder / "out", 8, size=200, most=1, scene_labels=known)
    names = [box.name for picture in labels.pictures for box in picture.boxes if not box.doubtful]
    assert names.count("vase") >= 4


def test_nothing_to_cut_out_is_said(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="plain background"):
        write_cutouts([p for p in named_pictures(folder / "products") if p.path.name == "photo.png"], folder / "cut")
