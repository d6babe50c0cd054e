"""Items by their codes, through every change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whatsit.catalogue import Store
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.store.schema import MIGRATIONS

CODE = "4006381333931"


@pytest.fixture
def put(store: Store, picture_of: Callable[..., Picture]) -> Callable[..., int]:
    def make(id: str, **attributes: Any) -> int:
        store.put([(ItemFields(id, attributes=attributes), [picture_of(id)], "e")])
        return int(store.show(id)["number"])

    return make


def test_a_code_follows_its_item(store: Store, put: Callable[..., int]) -> None:
    assert not store.codes.kept()
    number = put("a", ean=CODE)
    assert store.codes.kept()
    assert store.codes.items([CODE, "nothing", "96385074"]) == {CODE: (number,)}
    put("a", ean="96385074")
    assert store.codes.items([CODE, "96385074"]) == {"96385074": (number,)}
    store.delete(["a"])
    assert not store.codes.kept()


def test_a_code_of_two_items_finds_both(store: Store, put: Callable[..., int]) -> None:
    numbers = (put("a", ean=CODE), put("b", gtin=[CODE, "96385074"]))
    assert store.codes.items([CODE]) == {CODE: numbers}


def test_an_id_is_a_code(store: Store, put: Callable[..., int]) -> None:
    first, second = put(CODE), put("AB-77")
    assert store.codes.items([f"0{CODE}", "AB-77"]) == {f"0{CODE}": (first,), "AB-77": (second,)}


def test_a_merged_item_is_found_as_the_main_one(store: Store, put: Callable[..., int]) -> None:
    main, other = put("a", ean=CODE), put("b", ean="96385074")
    with store.transaction() as connection:
        connection.execute("UPDATE items SET merged_into = ? WHERE number = ?", (main, other))
    assert store.codes.items(["96385074"]) == {"96385074": (main,)}


def test_a_catalogue_of_before_gets_its_codes(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    before = next(n for n, step in enumerate(MIGRATIONS) if "item_codes" in step)
    with sqlite3.connect(path) as connection:
        for step in MIGRATIONS[:before]:
            connection.executescript(step)
        connection.execute(f"PRAGMA user_version = {before}")
        connection.executemany(
            "INSERT INTO items (id, attributes, added, updated) VALUES (?, ?, '', '')",
            [("x", f'{{"Variant Barcode": "{CODE}"}}'), ("y", "{}")],
        )
    connection.close()
    with Store(path) as store:
        assert store.codes.items([CODE]) == {CODE: (1,)}
