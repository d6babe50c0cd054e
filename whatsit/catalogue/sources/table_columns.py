"""Conversion of a table's row to an item: known columns and their values."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.column_map import ColumnMap
from whatsit.catalogue.sources.image_cell import images_of
from whatsit.catalogue.sources.picture_location import Image
from whatsit.catalogue.sources.price import PriceColumn, is_absent, read_price
from whatsit.catalogue.sources.source_row import Row, Skipped

_TEXTS = ("id", "title", "brand", "category", "url")
_FORMULA = re.compile(r'="(.*)"', re.DOTALL)  # how spreadsheets are told to keep "007"
_ROUNDED = re.compile(r"\d[.,]\d+E\+\d+")
_LONGEST_SHOWN = 30
EMBEDDINGS = "whatsit_embeddings"  # a column of exported vectors, which are made again of the pictures


def row_of(
    values: Mapping[str, Any],
    base: Path,
    place: str,
    images: Sequence[Image] | None = None,
    columns: ColumnMap | None = None,
    prices: PriceColumn | None = None,
    beside: Sequence[Image] = (),
) -> Row | Skipped:
    """One row of a table.

    Args:
        values: column -> value. Known columns: id, title, brand, category, price, url, image (see `images_of`). An
            object named `attributes` and every other column become attributes.
        base: folder that relative picture paths start from.
        place: of the row, for people.
        images: the row's pictures where no column names them.
        columns: which column is which field; None to find it out.
        prices: how prices are read; None where the price stands alone.
        beside: pictures that the table itself holds, beside those that its columns name.
    """
    try:
        columns = columns or ColumnMap.of([str(column) for column in values])
        return _row(values, base, place, images, columns, prices, beside)
    except InvalidInput as error:
        return Skipped(place, str(error).rstrip("."))


def _row(
    values: Mapping[str, Any],
    base: Path,
    place: str,
    images: Sequence[Image] | None,
    columns: ColumnMap,
    prices: PriceColumn | None,
    beside: Sequence[Image],
) -> Row | Skipped:
    known: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    named: list[Image] = []
    notes: list[str] = []
    for column, value in values.items():
        value = _plain(value)
        name = columns.fields.get(str(column))
        if name in ("image", "images"):
            found, refused = images_of(value, base)
            named += [one for one in found if one not in named]
            notes += refused
        elif name:
            known[name] = value
        elif isinstance(value, (bytes, bytearray, memoryview)):
            notes.append(f"its column '{str(column)[:60]}' holds bytes, which are left out")
        elif column != EMBEDDINGS:
            attributes[_plain(str(column))] = value
    nested = _object(known.pop("attributes", None))
    attributes |= nested if isinstance(nested, Mapping) else {} if nested is None else {"attributes": nested}
    kept = [*named, *beside] if images is None else list(images)
    if not kept and columns.has("image"):
        return Skipped(place, notes[0] if notes else "it has no image")
    price, currency, problem = _price(known.get("price"), prices)
    if problem:
        notes.append(problem)
        known.pop("price", None)
    if currency:
        attributes.setdefault("currency", currency)
    return _made(known, attributes, price, kept, notes, place)


def _object(value: Any) -> Any:
    """Return an object that a cell holds as JSON; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value or None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _made(
    known: dict[str, Any],
    attributes: dict[str, Any],
    price: float | None,
    images: list[Image],
    notes: list[str],
    place: str,
) -> Row:
    texts = {name: _text(name, known.get(name)) for name in _TEXTS}
    item_id = texts.pop("id") or ""
    if _ROUNDED.fullmatch(item_id):
        raise InvalidInput(f"its id '{item_id}' was rounded by a spreadsheet; format the column as text")
    given = frozenset(name for name in (*_TEXTS[1:], "price") if name in known)
    if not texts["title"]:
        given -= {"title"}
        texts["title"] = (images[0].stem if images else "") or item_id
    fields = ItemFields(item_id, price=price, attributes=attributes, **texts)
    cleared = frozenset(name for name in attributes if name not in fields.attributes)
    return Row(fields, tuple(images), place, given, cleared, tuple(notes))


def _plain(value: Any) -> Any:
    """Return text in composed form (NFC) and without what spreadsheets put around it."""
    if not isinstance(value, str):
        return value
    formula = _FORMULA.fullmatch(value.strip())
    return unicodedata.normalize("NFC", formula[1].replace('""', '"') if formula else value).strip()


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (list, tuple)) and name == "category" and all(isinstance(one, str) for one in value):
        return " > ".join(value)
    raise InvalidInput(f"its {name} is not text")


def _price(value: Any, column: PriceColumn | None) -> tuple[float | None, str | None, str | None]:
    """Return amount, currency and what is wrong with it."""
    if value is None or (isinstance(value, str) and is_absent(value)):
        return None, None, None
    if isinstance(value, str):
        read = read_price(value)
        amount = read.amount((column or PriceColumn()).decimal) if read else None
        if read is None or amount is None or not isfinite(float(amount)):
            why = "fits two amounts" if read else "is no amount"
            return None, None, f"its price '{value[:_LONGEST_SHOWN]}' {why}; the item is kept without it"
        return float(amount), read.currency, None
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        # A table without a price in this row may say so with NaN.
        number = None if value != value else float(value)
        if number is None or 0.0 <= number < float("inf"):
            return number, None, None
    return None, None, f"its price '{str(value)[:_LONGEST_SHOWN]}' is no amount; the item is kept without it"
