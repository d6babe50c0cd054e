"""Remembered records: the same as the catalogue's, and never older than its last change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.store.store import Store
from whatsit.search.records import RecentRecords


class Counted:
    """A store that counts what it reads."""

    def __init__(self, store: Store) -> None:
        self._store, self.read = store, 0

    def records(self, numbers: list[int]) -> dict[int, dict[str, object]]:
        self.read += len(numbers)
        return self._store.records(numbers)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store.sqlite")
    store.put([(ItemFields(id=f"item-{number}", title=f"Ünit {number}"), [], "maker") for number in range(1, 6)])
    return store


def test_what_is_remembered_is_what_is_kept(store: Store) -> None:
    counted = Counted(store)
    recent = RecentRecords(counted, store.changes)
    assert recent.records([4, 2, 99]) == store.records([4, 2])
    assert list(recent.records([2, 4])) == [2, 4]
    assert counted.read == 3  # 99 is asked for again: it may come to be
    assert json.loads(recent.records([2])[2].encoded) == store.records([2])[2]
    assert "Ünit".encode() in recent.records([2])[2].encoded


def test_a_change_is_seen_at_the_next_reading(store: Store) -> None:
    recent = RecentRecords(store, store.changes)
    assert recent.records([1])[1]["title"] == "Ünit 1"
    store.put([(ItemFields(id="item-1", title="new"), [], "maker")])
    assert recent.records([1])[1]["title"] == "new"
    assert b"new" in recent.records([1])[1].encoded
    store.delete(["item-1"])
    assert recent.records([1, 2]) == store.records([2])


def test_what_did_not_change_is_not_read_again(store: Store) -> None:
    counted = Counted(store)
    recent = RecentRecords(counted, store.changes)
    recent.records([1, 2, 3])
    store.put([(ItemFields(id="item-2", title="new"), [], "maker")])
    store.delete(["item-3"])
    assert recent.records([1, 2, 3]) == store.records([1, 2])
    assert counted.read == 5
    store.changes.trim(store.changes.position())  # what was reported is still cached
    assert list(recent.records([1, 2])) == [1, 2]
    assert counted.read == 5
    store.put([(ItemFields(id="item-1", title="newer"), [], "maker")])
    store.changes.trim(store.changes.position())  # what was not reported is dropped with all else
    assert recent.records([1, 2]) == store.records([1, 2])
    assert counted.read == 7


def test_no_more_are_held_than_allowed(store: Store) -> None:
    recent = RecentRecords(store, store.changes, most=3)
    for asked in ([1, 2], [2, 3], [3, 4, 5], list(np.arange(1, 6))):
        assert list(recent.records(asked)) == list(asked)


def test_without_a_position_nothing_is_remembered(store: Store) -> None:
    counted = Counted(store)
    recent = RecentRecords(counted, None)
    recent.records([1])
    assert recent.records([1]) == store.records([1])
    assert counted.read == 2
