"""Exports of shop systems: their columns, and the lines of one product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped

_Records = Iterable[Record | Skipped]


@dataclass(frozen=True)
class ShopExport:
    """A shop system's form of export.

    Args:
        name: of the system.
        columns: field -> column.
        joined: makes one record of the lines of a product.
    """

    name: str
    columns: Mapping[str, str]
    joined: Callable[[_Records], Iterator[Record | Skipped]]


def find_export(columns: Sequence[str]) -> ShopExport | None:
    """Return the export whose columns these are, None where they are no known ones."""
    there = set(columns)
    for handle, image, category, vendor, price, title in (
        ("Handle", "Image Src", "Product Category", "Vendor", "Variant Price", "Title"),
        ("URL handle", "Product image URL", "Product category", "Vendor", "Price", "Title"),
    ):
        if {handle, image, title} <= there:
            named = {"id": handle, "title": title, "brand": vendor, "price": price, "image": image}
            named["category"] = category if category in there else "Type"
            return ShopExport("Shopify", _there(named, there), partial(_by_handle, handle=handle, image=image))
    if {"ID", "Type", "SKU", "Name", "Images"} <= there and "Regular price" in there:
        named = {"id": "SKU", "title": "Name", "price": "Regular price", "image": "Images", "category": "Categories"}
        named["brand"] = "Brands"
        return ShopExport("WooCommerce", _there(named, there), _woocommerce)
    return None


def _there(named: Mapping[str, str], there: set[str]) -> dict[str, str]:
    return {name: column for name, column in named.items() if column in there}


def _by_handle(records: _Records, handle: str, image: str) -> Iterator[Record | Skipped]:
    """Join lines of one handle: the first has the fields, each one a picture."""
    for key, lines in groupby(records, key=lambda one: one if isinstance(one, Skipped) else _text(one, handle)):
        if isinstance(key, Skipped):
            yield from lines
            continue
        group = [one for one in lines if isinstance(one, Record)]
        joined = _filled(group)
        placed = sorted(group, key=_position)
        joined[image] = [text for text in dict.fromkeys(_text(one, image) for one in placed) if text]
        yield Record(joined, group[0].place)


def _filled(group: Sequence[Record]) -> dict[str, Any]:
    """Return the first value of each column; variants stay those of the first."""
    values = dict(group[0].values)
    for one in group[1:]:
        for column, value in one.values.items():
            if not str(values.get(column) or "").strip() and not column.startswith(("Image", "Variant", "Option")):
                values[column] = value
    return {column: value for column, value in values.items() if not column.startswith("Image ")}


def _position(record: Record) -> int:
    text = _text(record, "Image Position") or _text(record, "Image position")
    return int(text) if text.isdecimal() else 10_000


def _woocommerce(records: _Records) -> Iterator[Record | Skipped]:
    """Take the SKU or ID, the price in force, and the first category."""
    parents: dict[str, Mapping[str, Any]] = {}
    for one in records:
        if isinstance(one, Skipped):
            yield one
            continue
        values = dict(one.values)
        for name in (f"id:{_text(one, 'ID')}", _text(one, "SKU")):
            if name:
                parents[name] = {name: values.get(name) for name in ("Images", "Categories", "Brands")}
        for column, value in parents.get(_text(one, "Parent"), {}).items():
            if column in values and not str(values[column] or "").strip():
                values[column] = value
        values["SKU"] = values.get("SKU") or values.get("ID")
        values["Regular price"] = values.get("Sale price") or values.get("Regular price")
        if isinstance(values.get("Categories"), str):
            values["Categories"] = values["Categories"].split(",")[0]
        yield Record(values, one.place)


def _text(record: Record, column: str) -> str:
    return str(record.values.get(column) or "").strip()
