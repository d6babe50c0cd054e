"""The store keeps what it was given, for many readers, and says clearly what it cannot read."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable
from whatsit_client.types import Item

from whatsit.catalogue import Filter, Store
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.store.code_keys import register_codes
from whatsit.catalogue.store.schema import MIGRATIONS

PictureOf = Callable[..., Picture]
E = "test-embedder"
MILK = ItemFields("milk", "Milk", "Arla", "drinks", 1.5, "https://shop.test/milk", {"fat": "3 %", "organic": True})


def test_what_is_put_comes_back_as_a_record(store: Store, picture_of: PictureOf) -> None:
    assert store.put([(MILK, [picture_of("front"), picture_of("back")], E)]) == ["added"]
    (number,) = store.select(Filter.parse({"id": "milk"}))
    record = store.records([number])[number]
    assert record["image"] == "/pictures/front.jpg"
    item = Item.from_record(record)
    assert (item.id, item.title, item.brand, item.category, item.price) == ("milk", "Milk", "Arla", "drinks", 1.5)
    assert item.attributes == {"fat": "3 %", "organic": True}


def test_putting_an_id_again_replaces_everything_but_its_number(store: Store, picture_of: PictureOf) -> None:
    store.put([(MILK, [picture_of("a", 3)], E)])
    number = store.show("milk")["number"]
    assert store.put([(ItemFields("milk", "Skimmed"), [picture_of("b")], E)]) == ["updated"]
    shown = store.show("milk")
    assert (shown["number"], shown["title"], shown["brand"], shown["attributes"]) == (number, "Skimmed", None, {})
    assert [image["path"] for image in shown["images"]] == ["/pictures/b.jpg"]
    assert len(store.vectors(E)[0]) == 1


def test_the_number_of_a_deleted_item_is_never_given_again(store: Store, picture_of: PictureOf) -> None:
    store.put([(ItemFields(i), [picture_of(i)], E) for i in "ab"])
    number = store.show("b")["number"]
    assert store.delete(["b", "unknown"]) == ["unknown"]
    store.put([(ItemFields("c"), [picture_of("c")], E)])
    assert store.show("c")["number"] > number
    assert list(store.records([number, -1])) == []
    assert len(store.vectors(E)[0]) == 2


def test_records_follow_the_order_asked_for(store: Store, picture_of: PictureOf) -> None:
    store.put([(ItemFields(i, category="x"), [picture_of(i)], E) for i in "abc"])
    assert [r["id"] for r in store.records([3, 1, 3, 99]).values()] == ["c", "a"]


def test_pages_and_counts_with_a_filter(store: Store, picture_of: PictureOf) -> None:
    store.put([(ItemFields(f"{i:02}", price=float(i)), [picture_of(str(i))], E) for i in range(10)])
    where = Filter.parse({"price": {"$gte": 3}})
    assert store.count() == 10
    assert store.count(where) == 7
    assert [r["id"] for r in store.page(where, limit=2, offset=2)] == ["05", "06"]
    assert store.select(where).tolist() == list(range(4, 11))


def test_vectors_come_with_the_number_of_their_item(store: Store, picture_of: PictureOf) -> None:
    pictures = {i: picture_of(i, regions=2) for i in "ab"}
    store.put([(ItemFields(i), [pictures[i]], E) for i in "ab"])
    values, numbers = store.vectors(E)
    assert numbers.tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(values[3], pictures["b"].vectors[1].values)
    assert store.vectors("another")[0].shape == (0, 0)
    assert store.pictures("b", E)[0].vectors[1].box == pictures["b"].vectors[1].box
    assert store.pictures("b", "another")[0].vectors == ()


def test_a_failing_batch_leaves_nothing_behind(store: Store, picture_of: PictureOf) -> None:
    def changes():
        yield MILK, [picture_of("milk")], E
        raise InvalidInput("stop")

    with pytest.raises(InvalidInput, match="stop"):
        store.put(changes())
    assert store.count() == 0


def test_texts_that_no_database_can_hold_are_cleaned() -> None:
    fields = ItemFields(" a\0b ", "\ud800", "  ", attributes={"n": math.nan, "big": 2**70, "list": [math.inf, "x\0"]})
    assert (fields.id, fields.title, fields.brand) == ("ab", "?", None)
    assert fields.attributes == {"big": 2.0**70, "list": [None, "x"]}


@pytest.mark.parametrize(("id", "price"), [("", 1.0), (" \0", 1.0), ("a", -1.0), ("a", math.nan), ("a", math.inf)])
def test_an_item_without_id_or_with_an_impossible_price_is_refused(id: str, price: float) -> None:
    with pytest.raises(InvalidInput):
        ItemFields(id, price=price)


def test_a_reader_in_the_same_file_sees_each_change_and_cannot_make_any(store: Store, picture_of: PictureOf) -> None:
    with Store(store.path, read_only=True) as reader:
        assert reader.count() == 0
        store.put([(MILK, [picture_of("milk")], E)])
        assert reader.show("milk")["title"] == "Milk"
        with pytest.raises(Unavailable, match="cannot be used"):
            reader.delete(["milk"])


def test_many_threads_read_while_one_writes(store: Store, picture_of: PictureOf) -> None:
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(30):
                assert len(store.page(limit=100)) <= 20
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(20):
        store.put([(ItemFields(str(i)), [picture_of(str(i))], E)])
    for thread in threads:
        thread.join()
    assert not failures
    assert store.count() == 20


def test_reading_what_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="whatsit catalogue add"):
        Store(tmp_path / "catalogue.sqlite", read_only=True)
    assert not (tmp_path / "catalogue.sqlite").exists()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"id,title\n" * 500)
    with pytest.raises(Damaged, match="is not a catalogue"):
        Store(path, read_only)
    assert path.read_bytes() == b"id,title\n" * 500


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Damaged, match="update Whatsit"):
        Store(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
    with pytest.raises(Damaged, match="which updates them"):
        Store(path, read_only=True)


def test_a_catalogue_whose_folder_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made"):
        Store(tmp_path / "file" / "catalogue.sqlite")


def test_showing_an_unknown_item_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="no item 'tea'"):
        store.show("tea")


def test_a_store_of_before_gets_objects_without_new_vectors(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    connection = sqlite3.connect(path)
    register_codes(connection)
    for step in MIGRATIONS[:8]:
        connection.executescript(step)
    connection.execute("PRAGMA user_version = 8")
    connection.execute("INSERT INTO items (id, attributes, added, updated) VALUES ('x', '{}', '', '')")
    connection.execute("INSERT INTO images (item, position, path, sha256, found_as) VALUES (1, 0, 'x.jpg', 's', 1)")
    connection.execute("INSERT INTO vectors VALUES (1, 'e', 0, 0, 9, 9, ?)", [np.ones(4, "<f4").tobytes()])
    connection.execute("INSERT INTO picture_facts (image, kept) VALUES (1, 'k')")
    connection.commit()
    connection.close()
    with Store(path) as store:
        (picture,) = store.pictures("x", "e")
        assert (picture.vectors[0].score, picture.facts.objects, picture.facts.kept) == (None, None, "k")
        assert not store.keeps_objects
        assert store.placed_vectors([1], "e").whole.tolist() == [True]
