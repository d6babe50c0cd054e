"""The change log: in the order of the commits, in the transaction of the change, trimmed without losing its place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.catalogue import Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.store.schema import MIGRATIONS

PictureOf = Callable[..., Picture]
E = "embedder"


def test_each_change_has_the_next_number(store: Store, picture_of: PictureOf) -> None:
    assert store.changes.position() == 0
    store.put([(ItemFields(i), [picture_of(i, 2)], E) for i in "ab"])
    store.delete(["a", "unknown"])
    assert store.changes.position() == 3
    changes = store.changes.since(0, E)
    assert (changes.sequence, changes.items.tolist(), changes.numbers.tolist()) == (3, [1, 2], [2, 2])
    np.testing.assert_array_equal(changes.vectors[1], picture_of("b", 2).vectors[1].values)
    assert store.changes.pending(0) == 2
    assert store.changes.pending(2) == 1


def test_a_page_of_a_long_log(store: Store, picture_of: PictureOf) -> None:
    for i in range(7):
        store.put([(ItemFields(str(i)), [picture_of(str(i))], E)])
    first = store.changes.since(0, E, limit=5)
    assert (first.sequence, first.items.tolist()) == (5, [1, 2, 3, 4, 5])
    assert store.changes.since(5, E, limit=5).items.tolist() == [6, 7]
    nothing = store.changes.since(7, E)
    assert (nothing.sequence, len(nothing.items), len(nothing.vectors)) == (7, 0, 0)


def test_a_change_that_failed_leaves_no_entry(store: Store, picture_of: PictureOf) -> None:
    def changes():
        yield ItemFields("a"), [picture_of("a")], E
        raise InvalidInput("stop")

    with pytest.raises(InvalidInput):
        store.put(changes())
    assert store.changes.position() == 0


def test_vectors_of_another_embedder_are_not_in_it(store: Store, picture_of: PictureOf) -> None:
    store.put([(ItemFields("a"), [picture_of("a")], E), (ItemFields("b"), [picture_of("b")], "another")])
    changes = store.changes.since(0, E)
    assert (changes.items.tolist(), changes.numbers.tolist()) == ([1, 2], [1])


def test_trimming_keeps_the_numbers_and_refuses_readers_that_come_too_late(store: Store, picture_of: PictureOf) -> None:
    store.put([(ItemFields(i), [picture_of(i)], E) for i in "abc"])
    store.changes.trim(3)
    assert store.changes.position() == 3
    assert store.changes.since(3, E).sequence == 3
    with pytest.raises(Damaged, match="whatsit catalogue compact"):
        store.changes.since(2, E)
    store.put([(ItemFields("d"), [picture_of("d")], E)])
    assert store.changes.since(3, E).sequence == 4


def test_vectors_of_unequal_length_are_refused(store: Store) -> None:
    for name, length in (("a", 4), ("b", 8)):
        vector = Vector((0.0, 0.0, 1.0, 1.0), np.eye(1, length, dtype=np.float32)[0])
        store.put([(ItemFields(name), [Picture(name, "0", (vector,))], E)])
    with pytest.raises(Damaged, match="unequal length"):
        store.changes.since(0, E)


def test_a_store_of_before_the_log_is_brought_up_to_date(tmp_path: Path, picture_of: PictureOf) -> None:
    path = tmp_path / "catalogue.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    connection.execute("INSERT INTO items (id, title, attributes, added, updated) VALUES ('old', 'Old', '{}', '', '')")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with pytest.raises(Damaged, match="whatsit catalogue compact"):
        Store(path, read_only=True)
    with Store(path) as store:
        assert store.fields("old") == ItemFields("old", "Old")
        assert store.changes.position() == 0
        store.put([(ItemFields("new"), [picture_of("new")], E)])
        store.delete(["old"])
        assert store.changes.since(0, E).items.tolist() == [1, 2]
    with Store(path, read_only=True) as reader:
        assert reader.changes.position() == 2


def test_a_snapshot_answers_from_one_state(store: Store, picture_of: PictureOf) -> None:
    with Store(store.path, read_only=True) as reader:
        with reader.snapshot():
            assert reader.count() == 0
            store.put([(ItemFields("a"), [picture_of("a")], E)])
            assert (reader.count(), reader.changes.position()) == (0, 0)
        assert (reader.count(), reader.changes.position()) == (1, 1)
