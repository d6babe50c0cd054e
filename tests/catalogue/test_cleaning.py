"""Cleaning: what it finds and puts into effect, that it outlives the next import, and that undoing restores all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.clean import find
from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.cleaning.decision import Decision
from whatsit.catalogue.cleaning.decision_log import DecisionLog
from whatsit.catalogue.cleaning.decision_sheet import write_sheet
from whatsit.catalogue.cleaning.denoise import belonging
from whatsit.catalogue.cleaning.merge import confusions, contradict, groups
from whatsit.catalogue.cleaning.picture_table import read_picture_table
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.store.store import Store
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import catalogue_picture, encode_jpeg

E = "embedder"
Floats = npt.NDArray[np.float32]


def around(centre: int, seed: int, spread: float = 0.02) -> Floats:
    """A unit vector near one of the axes of 16 dimensions; cosines of two of them are about 1 - 16 spread^2."""
    vector = np.eye(16)[centre] + spread * np.random.default_rng([centre, seed]).normal(size=16)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def picture(path: Path | str, vector: Floats, name: str, side: float = 100.0) -> Picture:
    return Picture(str(path), name, (Vector((0.0, 0.0, side, side), vector),))


def put(store: Store, id: str, pictures: list[Picture], **fields: Any) -> None:
    store.put([(ItemFields(id, **fields), pictures, E)])


def state(store: Store) -> Any:
    """All that a server or a publisher sees."""
    vectors, numbers = store.vectors(E)
    order = np.lexsort((*vectors.T, numbers))
    shown = {record["id"]: store.show(record["id"]) for record in store.page(limit=1000)}
    words = store.text.search("item", 100).tolist()
    return vectors[order].tolist(), numbers[order].tolist(), shown, sorted(words), store.count()


def drop(item: str, sha256: str, kept: str, step: Any = "duplicates") -> Decision:
    return Decision(step, "dropped", item, sha256, item, kept, "because")


def merged(item: str, main: str) -> Decision:
    return Decision("merge", "merged", item, None, main, None, "because")


@pytest.fixture
def filled(store: Store) -> Store:
    """Items a, b, c of three pictures each."""
    for centre, id in enumerate("abc"):
        pictures = [picture(f"/{id}{n}.jpg", around(centre, n), f"{id}{n}") for n in range(3)]
        put(store, id, pictures, title=f"item {id}")
    return store


def test_a_dropped_picture_is_hidden_and_comes_back(filled: Store) -> None:
    before, position = state(filled), filled.changes.position()
    DecisionLog(filled).record("test", {}, [drop("a", "a0", "a1")])
    vectors, numbers = filled.vectors(E)
    assert numbers.tolist() == [1, 1, 2, 2, 2, 3, 3, 3]
    changes = filled.changes.since(position, E)
    assert changes.items.tolist() == [1]
    np.testing.assert_array_equal(changes.vectors, vectors[:2])
    assert [image["hidden"] for image in filled.show("a")["images"]] == [True, False, False]
    assert filled.records([1])[1]["image"] == "/a1.jpg"
    assert len(filled.pictures("a", E)) == 3  # ingestion sees that it is there already
    position = filled.changes.position()
    assert DecisionLog(filled).undo_last() == (1, 1)
    assert state(filled) == before
    assert filled.changes.since(position, E).items.tolist() == [1]


def test_a_merged_item_is_found_as_its_main_one(filled: Store) -> None:
    before = state(filled)
    DecisionLog(filled).record("test", {}, [merged("b", "a"), merged("c", "b")])
    assert filled.vectors(E)[1].tolist() == [1] * 9
    assert filled.count() == 1
    assert [record["id"] for record in filled.page()] == ["a"]
    assert filled.show("c")["merged_into"] == "a"
    assert filled.text.search("item", 10).tolist() == [1]
    filled.delete(["a"])  # what was merged into it is found again
    assert filled.vectors(E)[1].tolist() == [2] * 6
    assert filled.show("b")["merged_into"] is None
    assert filled.show("c")["merged_into"] == "b"
    put(filled, "a", [picture(f"/a{n}.jpg", around(0, n), f"a{n}") for n in range(3)], title="item a")
    assert set(filled.vectors(E)[1].tolist()) == {4}
    DecisionLog(filled).undo_last()
    after = state(filled)
    assert after[4] == before[4]
    assert sorted(after[1]) == [2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_decisions_outlive_the_next_import(filled: Store) -> None:
    DecisionLog(filled).record("test", {}, [drop("a", "a0", "a1"), drop("b", "b2", "b0", "denoise"), merged("c", "a")])
    before = filled.vectors(E)[1].tolist()
    for centre, id in enumerate("abc"):
        pictures = [picture(f"/moved/{id}{n}.jpg", around(centre, n), f"{id}{n}") for n in range(3)]
        put(filled, id, pictures, title=f"item {id} anew")
    assert filled.vectors(E)[1].tolist() == before == [1] * 5 + [2] * 2
    # A duplicate is no duplicate where the picture kept for it is gone, and no item is left without a picture.
    put(filled, "a", [picture("/a0.jpg", around(0, 0), "a0")])
    put(filled, "b", [picture("/b2.jpg", around(1, 2), "b2")])
    assert filled.vectors(E)[1].tolist() == [1] * 4 + [2]


def test_what_a_person_took_back_is_not_decided_again(filled: Store) -> None:
    put(filled, "a", [picture(f"/a{n}.jpg", around(0, n), f"a{n}") for n in range(4)] + [
        picture("/x.jpg", around(9, 0), "x")
    ])  # fmt: skip
    settings = CleaningSettings(steps=("denoise",))
    decisions = find(filled, settings)
    assert [(one.item, one.sha256) for one in decisions if one.verdict == "dropped"] == [("a", "x")]
    DecisionLog(filled).record("test", settings.to_record(), decisions)
    assert find(filled, settings) == []
    number = next(one.number for one in DecisionLog(filled).read() if one.decision.verdict == "dropped")
    DecisionLog(filled).undo(number)
    assert len(filled.vectors(E)[1]) == 11
    assert not [one for one in find(filled, settings) if one.verdict == "dropped"]
    for wrong in (number, 999):
        with pytest.raises(InvalidInput, match="no dropped picture or merged item under the number"):
            DecisionLog(filled).undo(wrong)


def test_nothing_to_undo_and_nothing_to_clean(store: Store) -> None:
    with pytest.raises(InvalidInput, match="no cleaning to undo"):
        DecisionLog(store).undo_last()
    with pytest.raises(InvalidInput, match="nothing to clean"):
        find(store, CleaningSettings())


@pytest.mark.parametrize("wrong", [{"radius": 40}, {"radii": (0.3, 0.1)}, {"steps": ()}, {"min_similarity": 2.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CleaningSettings(**wrong)


def test_duplicates_of_rendered_pictures(store: Store, tmp_path: Path) -> None:
    products = make_products(3, 5)
    originals = [catalogue_picture(product, 256) for product in products]
    for centre, pixels in enumerate(originals):
        path, copy = tmp_path / f"{centre}.jpg", tmp_path / f"{centre}-copy.jpg"
        path.write_bytes(encode_jpeg(pixels, 90))
        copy.write_bytes(encode_jpeg(np.ascontiguousarray(pixels[::2, ::2]), 50))
        pictures = [
            picture(copy, around(centre, 0, 0.001), f"copy {centre}", 128.0),
            picture(path, around(centre, 1, 0.001), f"original {centre}", 256.0),
        ]
        if centre == 2:  # a shop that took another's picture
            pictures.append(picture(tmp_path / "0.jpg", around(0, 1, 0.001), "original 0", 256.0))
        put(store, f"i{centre}", pictures, title=f"{centre}")
    settings = CleaningSettings(steps=("duplicates",))
    table, found = read_picture_table(store, E), find(store, settings)
    dropped = {(one.item, one.sha256, one.other_sha256) for one in found if one.verdict == "dropped"}
    assert dropped == {(f"i{n}", f"copy {n}", f"original {n}") for n in range(3)}
    (shared,) = (one for one in found if one.verdict == "reported")
    assert (shared.item, shared.other_item, shared.figures["denied"]) == ("i2", "i0", 1)
    assert DecisionLog(store).record("test", {}, [shared]) == 1
    assert DecisionLog(store).record("test", {}, [shared]) is None  # it stands in the book already
    assert write_sheet(tmp_path / "sheet.png", table, found) == 0
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_layers_keep_the_core_and_what_wider_layers_join() -> None:
    core = np.stack([around(0, n, 0.01) for n in range(5)])
    side = core[0] + 0.6 * np.eye(16, dtype=np.float32)[1]  # a cosine of 0.86
    vectors = np.stack([*core, side / np.linalg.norm(side), around(5, 0), around(6, 0)]).astype(np.float32)
    assert belonging(vectors, (0.05,)).tolist() == [True] * 5 + [False] * 3
    assert belonging(vectors, (0.05, 0.2)).tolist() == [True] * 6 + [False] * 2
    assert belonging(vectors[5:], (0.05, 0.2)).all()  # nothing is dense, so nothing is known


def test_confusion_of_one_item_split_at_random_is_about_one() -> None:
    random = np.random.default_rng(0)
    vectors = np.concatenate([[around(c, n, 0.1) for n in range(30)] for c in range(4)]).astype(np.float32)
    items = np.repeat(np.arange(4), 30)
    items[30:60] = np.where(random.random(30) < 0.3, 4, 1)  # item 1 is split into 1 and 4
    found = confusions(vectors, items.astype(np.int64))
    assert [(pair.one, pair.other) for pair in found] == [(1, 4)]
    assert 0.6 < found[0].mutual <= max(found[0].forward, found[0].backward) < 1.5


def test_what_is_said_of_items_may_deny_that_they_are_one() -> None:
    assert contradict(("Oat Drink Vanilla 1 l", "Oat Drink Cocoa 1 l"), (None, None))
    assert contradict(("Oat Drink 1l", "Oat Drink 0.5 l"), (None, None))
    assert contradict((None, None), ("Nordvik", "Alma"))
    assert not contradict(("Oat Drink Vanilla 1l", "nordvik OAT drink vanilla, 1 l"), (None, "Nordvik"))
    assert not contradict((None, "anything"), (None, None))


def test_groups_take_the_item_of_most_pictures_for_main() -> None:
    pictures = np.array([3, 9, 9, 1, 5])
    assert groups([(0, 1), (1, 2), (3, 4)], pictures) == {0: 1, 2: 1, 3: 4}
