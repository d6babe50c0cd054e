"""Arguments of the operations of the model `catalogue`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import Picture, Vector
from whatsit.catalogue.item_payload import ItemPayload
from whatsit.serving.request_options import Options

MAX_IDS = 1000


def given_picture(item: ItemPayload) -> Picture | None:
    """Return the picture that the caller embedded; its boxes are not known."""
    if item.vectors is None:
        return None
    digest = hashlib.sha256(item.vectors.tobytes()).hexdigest()
    return Picture(item.image or "", digest, tuple(Vector((0.0, 0.0, 0.0, 0.0), one) for one in item.vectors))


def given_box(value: Any) -> Box:
    """Return the box of a choice, checked as the option `boxes` is."""
    boxes = Options.from_parameters({"boxes": json.dumps([value])}).boxes
    assert boxes is not None  # one was given
    return boxes[0]


def search_arguments(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a search by an item."""
    (id,) = read_ids(record, most=1)
    numbers = {name: record.get(name, default) for name, default in (("limit", 10), ("offset", 0))}
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in numbers.values()):
        raise InvalidInput("limit and offset must be whole numbers.")
    where = record.get("where")
    return {"id": id, **numbers, "where": None if where is None else Filter.parse(where)}


def read_ids(record: Mapping[str, Any], most: int = MAX_IDS) -> list[str]:
    """Return the ids that a request names.

    Raises:
        InvalidInput: it names none, or too many.
    """
    ids = record.get("ids", [record.get("id")])
    if not isinstance(ids, list) or not 1 <= len(ids) <= most or not all(isinstance(id, str) and id for id in ids):
        several = f' or {{"ids": ["X1", "X2"]}}, at most {most}' if most > 1 else ""
        raise InvalidInput(f'ITEM must name what is asked for: {{"id": "X1"}}{several}.')
    return [id.strip() for id in ids]
