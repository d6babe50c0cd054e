"""Conversion of a table's columns to an item: known columns and their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources.picture_location import Image, WebImage
from whatsit.catalogue.sources.source_row import Row, Skipped

_TEXTS = ("id", "title", "brand", "category", "url")
_IMAGES = ("image", "images")
_KNOWN = (*_TEXTS, *_IMAGES, "price", "attributes")
_PRICE = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)


def check_columns(path: Path, columns: Iterable[str]) -> None:
    """Refuse a table that cannot hold items.

    Raises:
        InvalidInput: `id` or `image` is missing, or a known column is there twice.
    """
    names = [_canonical(column) for column in columns]
    known = [name for name in names if name in _KNOWN]
    for name in known:
        if known.count(name) > 1:
            raise InvalidInput(f"{path} has the column '{name}' twice.")
    for wanted in (("id",), _IMAGES):
        if not any(name in wanted for name in names):
            shown = ", ".join(names[:12])
            raise InvalidInput(f"{path} has no column '{wanted[0]}'; its columns are {shown[:200]}.")


def row_of(values: Mapping[str, Any], base: Path, place: str, images: Sequence[Image] | None = None) -> Row | Skipped:
    """One row of a table.

    Args:
        values: column -> value. Known columns: id, title, brand, category, price, url, image (a path relative to the
            table, an http(s) address, or several: a list, or text separated by `;`). An object named `attributes` and
            every other column become attributes.
        base: folder that relative picture paths start from.
        place: of the row, for people.
        images: the row's pictures where no column names them.
    """
    try:
        known: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        for column, value in values.items():
            name = _canonical(column)
            if name in _KNOWN:
                known[name] = value
            else:
                attributes[str(column).strip()] = value
        nested = known.pop("attributes", None)
        if nested is not None and not isinstance(nested, Mapping):
            nested = {"attributes": nested}
        named = [image for name in _IMAGES for image in _images(known.pop(name, None), base)]
        images = named if images is None else list(images)
        if not images:
            return Skipped(place, "it has no image")
        price = _price(known.pop("price", None))
        texts = {name: _text(name, known.get(name)) for name in _TEXTS}
        item_id = texts.pop("id") or ""
        texts["title"] = texts["title"] or images[0].stem or item_id
        fields = ItemFields(item_id, price=price, attributes={**attributes, **(nested or {})}, **texts)
    except InvalidInput as error:
        return Skipped(place, str(error))
    return Row(fields, tuple(images), place)


def _canonical(column: object) -> str:
    """Known columns are known whatever their case."""
    name = str(column).strip()
    return name.lower() if name.lower() in _KNOWN else name


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise InvalidInput(f"its {name} is not text")


def _price(value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and _PRICE.fullmatch(value.strip()):
        return float(value.strip().replace(",", "."))
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        # A table without a price in this row may say so with NaN.
        return None if value != value else float(value)
    raise InvalidInput(f"its price '{str(value)[:30]}' is not a number")


def _images(value: Any, base: Path) -> list[Image]:
    if value is None:
        return []
    texts = value.split(";") if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput("its image is neither a path nor a list of paths")
    images: list[Image] = []
    for text in (text.strip() for text in texts):
        if text.lower().startswith(("http://", "https://")):
            images.append(WebImage(text))
        elif "://" in text or "\0" in text:
            raise InvalidInput(f"its image '{text[:80]}' is neither a path nor an http(s) address")
        elif text:
            images.append(base / text)
    return images
