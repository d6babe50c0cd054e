"""Search by an item on made-up vectors: what is like it, in which pictures it stands, and where."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Filter, Layout, Store
from whatsit.catalogue.backends import open_index_view
from whatsit.catalogue.ingest.picture_analysis import separate_objects
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.picture_metadata import PictureMetadata
from whatsit.search.item_search import ItemSearch
from whatsit.search.retriever import Retriever, evidence
from whatsit.search.search_options import SearchOptions

Values = npt.NDArray[np.float32]
WHOLE = (0.0, 0.0, 100.0, 80.0)
LAMP_BOX = (10.0, 10.0, 40.0, 50.0)


def unit(seed: int) -> Values:
    values = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return values / np.linalg.norm(values)


def near(values: Values, seed: int, step: float) -> Values:
    moved = values + step * unit(seed)
    return (moved / np.linalg.norm(moved)).astype(np.float32)


def picture(name: str, whole: Values, *objects: tuple[tuple[float, ...], Values], bits: int = 0) -> Picture:
    found = [Vector(WHOLE, whole), *(Vector(box, values, 0.5) for box, values in objects)]  # type: ignore[arg-type] # four
    facts = PictureMetadata(hashes={"dhash": bits.to_bytes(8, "big")}, objects=separate_objects(found[1:]))
    return Picture(f"{name}.jpg", name, tuple(found), None, facts)


LAMP, CHAIR = unit(1), unit(2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lamp, its copy, a lamp like it, a chair, and a room with both."""
    thing = ((2.0, 2.0, 98.0, 78.0), LAMP)
    rooms = [
        ((30.0, 0.0, 99.0, 79.0), unit(8)),
        (LAMP_BOX, near(LAMP, 3, 0.2)),
        ((50.0, 9.0, 90.0, 70.0), near(CHAIR, 4, 0.2)),
    ]
    with Store(Layout(tmp_path).store) as store:
        store.objects.keep(True)
        store.put(
            [
                (ItemFields("lamp"), [picture("lamp", LAMP, thing)], "e"),
                (ItemFields("copy"), [picture("copy", near(LAMP, 5, 0.01), bits=3)], "e"),
                (ItemFields("red lamp", brand="Own"), [picture("red", near(LAMP, 5, 0.4), thing, bits=1 << 40)], "e"),
                (ItemFields("chair"), [picture("chair", CHAIR)], "e"),
                (ItemFields("room", brand="Own"), [picture("plain", unit(9)), picture("room", unit(7), *rooms)], "e"),
            ]
        )
        publish(store, Layout(tmp_path).index, "e")
    return tmp_path


@pytest.fixture
def items(folder: Path) -> Iterator[ItemSearch]:
    with Store(Layout(folder).store) as store:
        yield ItemSearch(store, open_index_view(store, folder, "e"), "e")


def test_items_like_one_are_others_with_other_pictures(items: ItemSearch) -> None:
    found = [one.item["id"] for one in items.similar("lamp")]
    assert found[0] == "red lamp"  # the same vector in the room is an object, not a picture like it
    assert set(found) == {"red lamp", "chair", "room"}
    assert [one.item["id"] for one in items.similar("lamp", 1, 1)] == found[1:2]
    assert {one.item["id"] for one in items.similar("lamp", where=Filter.parse({"brand": "Own"}))} == {
        "red lamp",
        "room",
    }


def test_parts_and_uncertain_objects_do_not_make_a_scene() -> None:
    boxes = [((0, 0, 50, 50), 0.9), ((5, 5, 40, 40), 0.9), ((60, 0, 90, 50), 0.3), ((60, 60, 90, 80), 0.2)]
    assert separate_objects([Vector(box, LAMP, score) for box, score in boxes]) == 2
    assert separate_objects([]) == 0


def test_a_scene_has_picture_box_and_size(items: ItemSearch) -> None:
    (scene,) = items.scenes("lamp")  # one object fills the red lamp's picture, which is no scene
    assert (scene.item["id"], scene.picture, scene.box, scene.size) == ("room", 1, LAMP_BOX, (100.0, 80.0))
    assert scene.score == pytest.approx(2.0 - np.linalg.norm(near(LAMP, 3, 0.2) - LAMP), abs=1e-5)
    assert scene.image.endswith("room.jpg")
    assert items.scenes("chair")[0].box == (50.0, 9.0, 90.0, 70.0)
    assert items.scenes("room") == []  # its own picture
    assert items.scenes("lamp", offset=1) == []
    assert items.scenes("lamp", where=Filter.parse({"brand": "Other"})) == []


def test_a_merged_item_is_its_main_one(items: ItemSearch, folder: Path) -> None:
    with sqlite3.connect(Layout(folder).store) as connection:
        connection.execute("UPDATE items SET merged_into = 1 WHERE id = 'red lamp'")
        connection.execute("UPDATE images SET found_as = 1 WHERE item = 3")
        connection.execute("INSERT INTO changes (item) VALUES (1), (3)")
    connection.close()
    assert {one.item["id"] for one in items.similar("red lamp")} == {"chair", "room"}
    assert [one.item["id"] for one in items.scenes("red lamp")] == ["room"]


@pytest.mark.parametrize(
    ("id", "limit", "offset"), [("nobody", 10, 0), ("lamp", 0, 0), ("lamp", 101, 0), ("lamp", 1, -1)]
)
def test_what_is_refused(items: ItemSearch, id: str, limit: int, offset: int) -> None:
    for search in (items.similar, items.scenes):
        with pytest.raises(InvalidInput):
            search(id, limit, offset)


def test_a_match_says_where_in_the_picture(folder: Path) -> None:
    retriever = Retriever(folder, "e", min_score=0.0, stages="none")

    def places(query: Values) -> dict[str, object]:
        found = retriever(query[None], np.ones(1, np.float32), SearchOptions(top_k=10))
        first = int(found.regions[0].numbers[0])
        place = found.places[0].get(first) if found.places else None
        return {"id": found.records[first]["id"], **evidence(found.regions[0], 0, place).get("match", {})}

    assert places(near(LAMP, 3, 0.2)) == {"id": "room", "picture": 1, "box": list(LAMP_BOX)}
    assert places(unit(9)) == {"id": "room", "picture": 0}
    with Store(Layout(folder).store) as store:
        store.objects.keep(False)
        assert (store.objects.lacking(), len(store.vectors("e")[0])) == (6, 6)
    assert places(unit(9)) == {"id": "room"}
    assert retriever.items.scenes("lamp") == []
    assert places(near(LAMP, 3, 0.2))["id"] in {"lamp", "copy", "red lamp"}  # the log brought the room without objects
