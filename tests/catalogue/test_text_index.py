"""Items by words: what SQLite's full-text index is asked, and that it follows every change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.store.schema import MIGRATIONS
from whatsit.catalogue.store.store import Store
from whatsit.catalogue.store.text_index import MAX_WORDS, words_of

ITEMS = (
    ItemFields("a", title="Oat drink vanilla", brand="Nordvik", category="drinks", attributes={"size": "1 l"}),
    ItemFields("b", title="Oat drink", brand="Nordvik", category="drinks", attributes={"size": "500 ml"}),
    ItemFields("c", title="Crème brûlée", brand="Vanilla House", category="dessert"),
    ItemFields("d", title="Soap", attributes={"scent": {"name": "vanilla"}, "marks": ["vegan", "eco"]}),
)


@pytest.fixture
def numbers(store: Store, picture_of: Callable[..., Picture]) -> dict[str, int]:
    store.put((item, [picture_of(item.id)], "e") for item in ITEMS)
    return {item.id: store.show(item.id)["number"] for item in ITEMS}


def found(store: Store, numbers: dict[str, int], text: str, limit: int = 10) -> list[str]:
    ids = {number: id for id, number in numbers.items()}
    return [ids[number] for number in store.text.search(text, limit).tolist()]


def test_any_word_of_any_field_finds_and_more_of_them_find_better(store: Store, numbers: dict[str, int]) -> None:
    assert found(store, numbers, "vanilla")[0] == "a"  # a word of the title counts most
    assert set(found(store, numbers, "vanilla")) == {"a", "c", "d"}
    assert found(store, numbers, "oat 500")[0] == "b"
    assert found(store, numbers, "VEGAN") == ["d"]
    assert found(store, numbers, "creme brulee") == ["c"]
    assert found(store, numbers, "nordv") == ["a", "b"] or found(store, numbers, "nordv") == ["b", "a"]
    assert found(store, numbers, "scent") == []  # the name of an attribute is no word of the item
    assert len(found(store, numbers, "vanilla", limit=2)) == 2


def test_it_follows_changes_and_deletions(
    store: Store, numbers: dict[str, int], picture_of: Callable[..., Picture]
) -> None:
    store.put([(ItemFields("a", title="Rye bread"), [picture_of("a")], "e")])
    store.delete(["c"])
    assert found(store, numbers, "vanilla") == ["d"]
    assert found(store, numbers, "rye") == ["a"]


def test_a_filter_holds(store: Store, numbers: dict[str, int]) -> None:
    allowed = np.array([numbers["c"], numbers["b"]])
    without = store.text.search("vanilla oat", 10).tolist()
    assert set(without) == set(numbers.values())
    expected = [number for number in without if number in allowed.tolist()]
    assert store.text.search("vanilla oat", 10, allowed).tolist() == expected


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a OR", []),
        ("NEAR(", []),
        ("title:oat -x *", ["a", "b"]),
        ("'; DROP TABLE items", []),
        ("oat\0drink", ["a", "b"]),
        ("oat NOT vanilla", ["a", "b", "c", "d"]),
    ],
)
def test_words_are_never_operators(store: Store, numbers: dict[str, int], text: str, ids: list[str]) -> None:
    assert sorted(found(store, numbers, text)) == ids
    assert store.count() == 4


@pytest.mark.parametrize("text", ["", "  ", "!?", '"', "^", "x" * 201, " ".join(f"w{i}" for i in range(MAX_WORDS + 1))])
def test_text_without_words_or_with_too_many_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="text must"):
        words_of(text)


def test_a_catalogue_of_before_gets_its_words(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with sqlite3.connect(path) as connection:
        for step in MIGRATIONS[:2]:
            connection.executescript(step)
        connection.execute("PRAGMA user_version = 2")
        connection.execute(
            "INSERT INTO items (id, title, attributes, added, updated) VALUES ('x', 'Green tea', ?, '', '')",
            ['{"size": "20"}'],
        )
    connection.close()
    with Store(path) as store:
        assert store.text.search("tea", 5).tolist() == store.text.search("20", 5).tolist() == [1]
        assert not store.local.kept
