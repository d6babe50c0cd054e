"""XML feeds of products: Google Merchant's RSS and Atom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped

_PRODUCTS = ("item", "entry", "product", "offer")
_SAMPLE = 100


class ProductFeed:
    """A feed in which each `item`, `entry`, `product` or `offer` is a product.

    Args:
        path: the file.
        options: what the caller knows.

    Raises:
        InvalidInput: it is no XML, or holds no product.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        names: dict[str, None] = {}
        found = 0
        for record, _ in zip(self.records(), range(_SAMPLE), strict=False):
            if isinstance(record, Skipped) and not found:
                raise InvalidInput(f"{path} cannot be read as XML ({record.reason}).")
            if isinstance(record, Record):
                found += 1
                names |= dict.fromkeys(record.values)
        if not found:
            raise InvalidInput(f"{path} holds no product; a feed has an <item> or <entry> for each.")
        self.columns = list(names)
        self.notes = [f"the elements of each product are read as columns: {', '.join(self.columns)[:200]}"]

    def count(self) -> int:
        """Return the number of products."""
        return sum(1 for _ in self.records())

    def records(self) -> Iterator[Record | Skipped]:
        """Return every product; where the file is damaged, those before the damage."""
        number = 0
        try:
            for _, element in ElementTree.iterparse(self.path, events=("end",)):
                if _local(element.tag) in _PRODUCTS and len(element):
                    number += 1
                    values = _values(element)
                    element.clear()
                    yield Record(values, f"{self.path} product {number}")
        except ElementTree.ParseError as error:
            yield Skipped(f"{self.path} after product {number}", f"the file is damaged there ({error})")


def _values(element: ElementTree.Element) -> dict[str, Any]:
    values: dict[str, Any] = dict(element.attrib.items()) if "id" in element.attrib else {}
    for child in element:
        name = _local(child.tag)
        text = "".join(child.itertext()).strip() or child.get("href", "")
        if name in values and name != "id":
            before = values[name]
            values[name] = [*before, text] if isinstance(before, list) else [before, text]
        else:
            values[name] = text
    return values


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
