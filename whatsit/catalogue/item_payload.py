"""An item as a caller sends it: JSON, checked field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields

MAX_TEXT = 1_000_000
MAX_VECTORS = 32
MAX_DEPTH = 32
_UNIT_TOLERANCE = 1e-2
_TEXTS = ("title", "brand", "category", "url")
_NAMES = ("id", *_TEXTS, "price", "attributes", "image", "vectors")


@dataclass(frozen=True, eq=False)
class ItemPayload:
    """An item on its way into the catalogue.

    Args:
        fields: what is known of it; what was not sent is None.
        image: path or URL of a picture to show, None where none was named.
        vectors: f32 [N,D], unit length, None where none were sent.
        sent: names of the fields that were sent, null ones too.
    """

    fields: ItemFields
    image: str | None
    vectors: npt.NDArray[np.float32] | None
    sent: frozenset[str] = frozenset()

    def onto(self, before: ItemFields | None) -> ItemFields:
        """Return the fields after this change: what was not sent stays, null empties."""
        if before is None:
            return self.fields
        return replace(before, **{name: getattr(self.fields, name) for name in self.sent})

    @classmethod
    def parse(cls, text: str, dimension: int) -> ItemPayload:
        """Read a JSON object: `id`, and whichever of the other fields are known.

        Args:
            text: of the object.
            dimension: length of the embedder's vectors.

        Raises:
            InvalidInput: it is no such object; the sentence names the field.
        """
        record = parse_object(text)
        if unknown := sorted(set(record) - set(_NAMES)):
            raise InvalidInput(
                f"The item has the unknown field '{unknown[0][:60]}'; the fields are {', '.join(_NAMES)}, and all else "
                "goes into attributes."
            )
        for name in ("id", "image", *_TEXTS):
            if not isinstance(record.get(name), (str, type(None))):
                raise InvalidInput(f"The {name} of the item must be text.")
        price = record.get("price")
        if isinstance(price, bool) or not isinstance(price, (int, float, type(None))):
            raise InvalidInput("The price of the item must be a number.")
        attributes = {} if record.get("attributes") is None else record["attributes"]
        if not isinstance(attributes, dict) or _is_deep(attributes, MAX_DEPTH):
            raise InvalidInput(f"The attributes of the item must be a JSON object, nested at most {MAX_DEPTH} deep.")
        try:
            fields = ItemFields(
                id=record.get("id") or "",
                title=record.get("title"),
                brand=record.get("brand"),
                category=record.get("category"),
                price=None if price is None else float(price),
                url=record.get("url"),
                attributes=attributes,
            )
        except InvalidInput as error:
            raise InvalidInput(f"The item is refused: {error}.") from error
        except OverflowError as error:
            raise InvalidInput("The price of the item is beyond all measure.") from error
        sent = frozenset(record) & {*_TEXTS, "price", "attributes"}
        return cls(fields, record.get("image") or None, _vectors(record.get("vectors"), dimension), sent)


def parse_object(text: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        InvalidInput: the text is none, or too long.
    """
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"ITEM is longer than {MAX_TEXT} characters; make it shorter.")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"ITEM is not JSON ({str(error)[:100]}).") from error
    if not isinstance(record, dict):
        raise InvalidInput('ITEM must be a JSON object like {"id": "X1"}.')
    return record


def _is_deep(value: Any, most: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    return most == 0 or any(_is_deep(one, most - 1) for one in (value.values() if isinstance(value, dict) else value))


def _vectors(value: Any, dimension: int) -> npt.NDArray[np.float32] | None:
    if value is None:
        return None
    refusal = InvalidInput(
        f"The vectors of the item must be 1 to {MAX_VECTORS} lists of {dimension} numbers, each of length 1."
    )
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VECTORS:
        raise refusal
    try:
        vectors = np.array(value, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise refusal from error
    if vectors.shape != (len(value), dimension):
        raise refusal
    if not (np.abs(np.linalg.norm(vectors, axis=1) - 1.0) <= _UNIT_TOLERANCE).all():
        raise refusal
    return vectors
