"""Geometry from the regions' pixels to the order of the matches, without Triton: labels that differ in print alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.engines.repository import default_root
from whatsit.pipeline.decoded_picture import DecodedPicture
from whatsit.pipeline.region_selection import LOCAL_REGIONS, local_features, patches
from whatsit.rendering.photo import photograph
from whatsit.rendering.printed_labels import LINES, draw_label
from whatsit.search.lookup import RegionFeatures
from whatsit.search.retriever import Retriever
from whatsit.serving.request_options import Options
from whatsit.serving.step_tensors import (
    NO_LOCAL_ROWS,
    item_tensors,
    pack_local_rows,
    pack_patches,
    unpack_local_rows,
    unpack_patches,
)
from whatsit.serving.steps.regions import FindRegions
from whatsit.serving.word_catalogues import WordCatalogues
from whatsit.vision.local_features import Patch, extract
from whatsit.vision.regions import Regions

LABELS = 4 * LINES
ONE = np.ones(1, dtype=np.float32)


def line_vector(number: int, item: int) -> npt.NDArray[np.float32]:
    """What a global vector makes of a label: its line, and of the label itself next to nothing."""
    vector = np.random.default_rng(number % LINES).normal(size=8) + np.random.default_rng(item).normal(size=8) * 0.02
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    with Store(Layout(folder).store) as store:
        store.local.keep(True)
        for number in range(LABELS):
            local = extract(draw_label(number, 3)).to_bytes()
            vector = Vector((0.0, 0.0, 1.0, 1.0), line_vector(number, number))
            store.put([(ItemFields(f"{number}"), [Picture(f"{number}.jpg", f"{number}", (vector,), local)], "e")])
        publish(store, Layout(folder).index)
    return folder


def first(retriever: Retriever, number: int, rerank: str) -> str:
    """The first match of a photo of a label, whose vector knows the line alone."""
    pixels, _ = photograph(draw_label(number, 3), np.random.default_rng(number), (420, 560), strength=0.4)
    found = retriever(
        line_vector(number, 1000 + number)[None], ONE, Options(rerank=rerank), [RegionFeatures(extract(pixels))]
    )
    return item_tensors(found, 10)["ITEM_IDS"][0, 0].decode()


def test_print_decides_where_vectors_cannot(folder: Path) -> None:
    retriever = Retriever(folder, "e")
    photos = range(0, LABELS, 3)
    vectors = sum(first(retriever, number, "none") == str(number) for number in photos)
    both = sum(first(retriever, number, "geometry") == str(number) for number in photos)
    assert vectors <= 0.6 * len(photos)
    assert both >= 0.85 * len(photos)


def test_a_catalogue_without_print_refuses_the_stage_by_name_and_skips_it_by_default(tmp_path: Path) -> None:
    with Store(Layout(tmp_path).store) as store:
        picture = Picture("1.jpg", "1", (Vector((0.0, 0.0, 1.0, 1.0), line_vector(1, 1)),))
        store.put([(ItemFields("1"), [picture], "e")])
        publish(store, Layout(tmp_path).index)
    retriever = Retriever(tmp_path, "e", stages="surprise,geometry")
    with pytest.raises(InvalidInput, match="publish DIR --geometry"):
        retriever(line_vector(1, 1)[None], ONE, Options(rerank="geometry"))
    assert len(retriever(line_vector(1, 1)[None], ONE, Options()).regions[0]) == 1


def test_features_travel_by_region() -> None:
    pixels = draw_label(0, 3, 400)
    height, width = pixels.shape[:2]
    boxes = np.array([[10, 20, 200, 240], [40, 200, 280, 380], [0, 0, 90, 90], [5, 5, 80, 80]], dtype=np.float32)
    regions = Regions.whole(2 * width, 2 * height).plus(2 * boxes, np.ones(4, np.float32), ["x"] * 4)
    rows = pack_local_rows(local_features(DecodedPicture(pixels, 2 * width, 2 * height), regions))
    assert rows.shape[1] == 133
    read = unpack_local_rows(rows, len(regions))
    np.testing.assert_array_equal(read[0].rows, extract(pixels).rows)
    np.testing.assert_array_equal(read[1].rows, extract(pixels[20:240, 10:200]).rows)
    assert [len(one) > 0 for one in read[LOCAL_REGIONS:]] == [False] * (len(regions) - LOCAL_REGIONS)
    assert all(len(one) == 0 for one in unpack_local_rows(NO_LOCAL_ROWS, 2))


def test_patches_travel_by_region_and_give_the_same_features() -> None:
    pixels = draw_label(0, 3, 400)
    regions = Regions.whole(300, 400).plus(np.array([[10, 20, 200, 240]], np.float32), np.ones(1, np.float32), ["x"])
    rows = pack_patches(patches(DecodedPicture(pixels, 300, 400), regions))
    read = unpack_patches(rows, 3)
    assert read[2] is None
    assert all(len(one) == 0 for one in unpack_local_rows(rows, 3))
    for patch, expected in zip(read, (extract(pixels), extract(pixels[20:240, 10:200])), strict=False):
        assert patch is not None
        np.testing.assert_array_equal(patch.features().rows, expected.rows)
        assert patch.aspect == pytest.approx(expected.aspect)


def test_auto_compares_look_alikes_and_leaves_the_rest(folder: Path) -> None:
    retriever = Retriever(folder, "e")
    pixels, _ = photograph(draw_label(7, 3), np.random.default_rng(7), (420, 560), strength=0.4)
    vector, patch = line_vector(7, 1007)[None], Patch.of(pixels)
    compared = retriever(vector, ONE, Options(), [RegionFeatures(patch=patch)]).regions[0]
    assert compared.inliers is not None
    assert compared.spread is not None
    named = retriever(vector, ONE, Options(rerank="geometry"), [RegionFeatures(patch.features())]).regions[0]
    assert compared.numbers.tolist() == named.numbers.tolist()
    strict = retriever(vector, ONE, Options(min_score=1.999), [RegionFeatures(patch=patch)]).regions[0]
    assert (strict.scores >= 1.999).all()
    plain = Patch(np.full((256, 192), 128, np.uint8), 0.75)
    assert retriever(vector, ONE, Options(), [RegionFeatures(patch=plain)]).regions[0].inliers is None
    assert retriever(vector, ONE, Options(rerank="none"), [RegionFeatures(patch=patch)]).regions[0].inliers is None


def test_pixels_are_sent_only_where_the_catalogue_has_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_CATALOGUE", str(folder))
    assert WordCatalogues()(None)
    assert not WordCatalogues()("another")
    monkeypatch.setenv("WHATSIT_CATALOGUE", str(folder / "nowhere"))
    assert not WordCatalogues()(None)
    monkeypatch.delenv("WHATSIT_CATALOGUE")
    assert not WordCatalogues()(None)


@pytest.mark.parametrize(("rerank", "taken"), [(None, False), ("none", False), ("surprise,geometry", True)])
def test_nothing_is_taken_unless_a_stage_asks(rerank: str | None, taken: bool) -> None:
    step = FindRegions(
        {"model_directory": str(default_root() / "model_repository/regions"), "labels": "../detector/labels.txt"}
    )
    pixels = draw_label(0, 3, 400)
    inputs = {
        "PIXELS": pixels,
        "GEOMETRY": np.array([pixels.shape[1], pixels.shape[0], 1.0], dtype=np.float32),
        "DETECTOR_BOXES": np.zeros((1, 100, 4), np.float32),
        "DETECTOR_SCORES": np.zeros((1, 100), np.float32),
        "DETECTOR_LABELS": np.zeros((1, 100), np.int32),
    }
    rows = step(inputs, Options(rerank=rerank), frozenset({"LOCAL"}))["LOCAL"]
    assert (len(rows) > 1) == taken
    assert len(rows) >= 1
