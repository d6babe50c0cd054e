"""Calls of the model `catalogue`: what they carry, and what their results say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit_client.errors import InvalidInput
from whatsit_client.tensors import Tensors, refusing
from whatsit_client.types import Item


@dataclass(frozen=True)
class CatalogueStats:
    """The state of a server's catalogue.

    Args:
        items: how many there are now.
        items_indexed: how many the published index holds.
        vectors_indexed: how many vectors it holds.
        published: when it was written, UTC, ISO 8601; None before the first time.
        pending: items changed or deleted since; they are found all the same, out of memory.
        read_only: whether the server refuses changes.
        notes: sentences for the catalogue's owner.
    """

    items: int
    items_indexed: int
    vectors_indexed: int
    published: str | None
    pending: int
    read_only: bool
    notes: tuple[str, ...]


def call(operation: str, item: Mapping[str, Any], image: bytes | None = None) -> Tensors:
    """The inputs of one call.

    Args:
        operation: upsert, delete, get, feedback or stats.
        item: what is sent as JSON.
        image: an encoded picture.

    Raises:
        InvalidInput: the item cannot be written as JSON.
    """
    try:
        text = json.dumps(item)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The item cannot be written as JSON ({error}): use text, numbers and lists.") from error
    inputs: dict[str, npt.NDArray[Any]] = {
        "OPERATION": np.array([operation.encode()], dtype=object),
        "ITEM": np.array([text.encode()], dtype=object),
    }
    return inputs if image is None else {**inputs, "IMAGE": np.frombuffer(image, np.uint8)}


def new_item(
    item: Item | Mapping[str, Any], vectors: Sequence[Sequence[float]] | npt.NDArray[np.float32] | None
) -> dict[str, Any]:
    """An item as the server takes it, with vectors [N,D] where they are given."""
    record = item.to_record() if isinstance(item, Item) else dict(item)
    return record if vectors is None else {**record, "vectors": np.asarray(vectors, dtype=np.float64).tolist()}


@refusing
def read_outcome(tensors: Tensors) -> str:
    """Of `upsert`: "added" or "updated"."""
    return str(_result(tensors)["outcome"])


@refusing
def read_unknown(tensors: Tensors) -> tuple[str, ...]:
    """Of `delete`: the ids that were not there."""
    return tuple(_result(tensors)["unknown"])


@refusing
def read_item(tensors: Tensors) -> Item:
    """Of `get`: the item."""
    return Item.from_record(_result(tensors)["item"])


def choice(id: str, box: Sequence[float] | None) -> dict[str, Any]:
    """What `feedback` sends besides the photo."""
    try:
        return {"id": id} if box is None else {"id": id, "box": [float(side) for side in box]}
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The box {box!r} is not x1,y1,x2,y2 ({error}).") from error


@refusing
def read_clicks(tensors: Tensors) -> int:
    """Of `feedback`: how many choices are kept."""
    return int(_result(tensors)["clicks"])


@refusing
def read_stats(tensors: Tensors) -> CatalogueStats:
    """Of `stats`; keys of a later version are passed over."""
    result = _result(tensors)
    known = {name: result[name] for name in CatalogueStats.__dataclass_fields__}
    return CatalogueStats(**{**known, "notes": tuple(known["notes"])})


def _result(tensors: Tensors) -> Any:
    return json.loads(tensors["RESULT"][0])
