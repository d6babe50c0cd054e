"""Codes and words in a picture, from the catalogue to the reply, without Triton and without an engine that reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.search import retriever as module
from whatsit.search.clues import Clues
from whatsit.search.retriever import Retriever
from whatsit.serving.request_options import Options
from whatsit.serving.step_tensors import item_tensors
from whatsit.vision.code_reader import ReadCode
from whatsit.vision.text_reader import TextLine

BOXES = np.array([[0, 0, 400, 300], [10, 10, 200, 200], [50, 50, 150, 150], [210, 10, 390, 290]], dtype=np.float32)
AREAS = np.array([1.0, 0.3, 0.1, 0.4], dtype=np.float32)
NAMES = ["Vanilla", "Cherry", "Lemon", "Mint", "Rose", "Orange", "Honey", "Apple"]
FIRST, OTHER, SHARED = "4006381333931", "96385074", "0036000291452"


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coded")
    codes: dict[str, dict[str, Any]] = {
        "i1": {"ean": FIRST},
        "i2": {"gtin": OTHER},
        "i3": {"upc": 36000291452},
        "i4": {"ean": SHARED},
    }
    with Store(Layout(folder).store) as store:
        for seed in range(8):
            id = f"i{seed}"
            fields = ItemFields(
                id,
                title=f"Tea {NAMES[seed]}",
                category="even" if seed % 2 == 0 else "odd",
                attributes=codes.get(id, {}),
            )
            store.put([(fields, [Picture(f"{id}.jpg", id, (Vector((0, 0, 9, 9), unit(seed)),))], "e")])
        publish(store, Layout(folder).index)
    return folder


def found(
    folder: Path, *codes: tuple[str, float, float], only_codes: bool = False, **options: Any
) -> list[list[tuple[str, str | None]]]:
    """Ids and codes of each region's matches; codes with their middles."""
    read = tuple(ReadCode(text, "EAN-13", (x - 5, y - 5, x + 5, y + 5)) for text, x, y in codes)
    retrieved = Retriever(folder, "e", min_score=0.0)(
        np.stack([unit(0)] * 4), AREAS, Options(top_k=3, **options), clues=Clues(BOXES, read, only_codes=only_codes)
    )
    tensors = item_tensors(retrieved, 3)
    records = [[json.loads(text) for text in row if text] for row in tensors["ITEM_RECORDS"]]
    return [[(record["id"], record.get("match", {}).get("code")) for record in row] for row in records]


def test_the_item_of_a_code_is_first_in_the_picture_and_in_the_codes_smallest_region(folder: Path) -> None:
    regions = found(folder, (FIRST, 100, 100))
    assert regions[0][0] == regions[2][0] == ("i1", FIRST)
    assert regions[1][0] == regions[3][0] == ("i0", None)
    assert [len(region) for region in regions] == [3] * 4


def test_several_codes_each_in_its_region_the_larger_first(folder: Path) -> None:
    regions = found(folder, (FIRST, 100, 100), (OTHER, 300, 100))
    assert [id for id, code in regions[0] if code] == ["i1", "i2"]
    assert regions[3][0] == ("i2", OTHER)


def test_a_code_of_two_items_shows_both(folder: Path) -> None:
    regions = found(folder, (SHARED, 300, 100))
    assert {regions[0][0], regions[0][1]} == {("i3", SHARED), ("i4", SHARED)}


def test_a_code_of_no_item_changes_nothing(folder: Path) -> None:
    assert found(folder, ("5901234123457", 100, 100)) == found(folder)


def test_a_filter_holds_for_codes_too(folder: Path) -> None:
    options = Options.from_parameters({"where": {"category": "even"}})
    assert all(code is None for row in found(folder, (FIRST, 100, 100), where=options.where) for _, code in row)


def test_a_gated_picture_is_searched_by_its_code_alone(folder: Path) -> None:
    assert found(folder, (FIRST, 100, 100), only_codes=True)[:2] == [[("i1", FIRST)], []]


def test_read_words_reach_the_reply_and_the_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidfuzz", reason="the extra 'read' is not installed")
    monkeypatch.setattr(module, "can_read_text", lambda: True)
    lines = (TextLine("TEA ORANGE", 1.0, (60, 60, 140, 70)),)
    clues = Clues(BOXES, pixels=np.zeros((300, 400, 3), np.uint8), reader=lambda pixels: lines)
    retrieved = Retriever(folder, "e", min_score=0.0)(
        np.stack([unit(5) * 0.7 + unit(0) * 0.71] * 4), AREAS, Options(read="on"), clues=clues
    )
    records = json.loads(item_tensors(retrieved, 10)["ITEM_RECORDS"][2, 0])
    assert (records["id"], records["match"]["words"]) == ("i5", ["tea", "orange"])
    assert retrieved.regions[3].words is None


@pytest.mark.parametrize("options", [{"read": "on"}, {"read": "auto"}, {"rerank": "read"}])
def test_a_server_without_the_engine_says_so(
    folder: Path, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "can_read_text", lambda: False)
    retriever = Retriever(folder, "e", stages="read")
    with pytest.raises(InvalidInput, match=r"whatsit\[read\]"):
        retriever(np.stack([unit(0)] * 4), AREAS, Options(**options))
    assert len(retriever(np.stack([unit(0)] * 4), AREAS, Options()).regions) == 4
