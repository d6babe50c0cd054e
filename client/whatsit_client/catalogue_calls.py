"""Calls of the model `catalogue`: inputs and readers of the results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from whatsit_client.calls import Call, parameters
from whatsit_client.encode import ImageLike, encode
from whatsit_client.errors import InvalidInput
from whatsit_client.item_scene import Scene
from whatsit_client.tensors import Tensors, validate_reply
from whatsit_client.types import Item, Match

Value = TypeVar("Value")


@dataclass(frozen=True)
class CatalogueStats:
    """The state of a server's catalogue.

    Args:
        items: number of items now.
        items_indexed: number of items in the published index.
        vectors_indexed: number of vectors in it.
        published: when it was written, UTC, ISO 8601; None before the first time.
        pending: items changed or deleted since; searches already see these changes.
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


def upsert(
    item: Item | Mapping[str, Any],
    image: ImageLike | None,
    vectors: Sequence[Sequence[float]] | npt.NDArray[np.float32] | None,
    catalogue: str | None = None,
) -> Call[str]:
    """Return the call that adds or replaces an item.

    Its result is "added" or "updated". `catalogue` is the name of one of several, None for the default one; so it is in
    the other calls.
    """
    record = item.to_record() if isinstance(item, Item) else dict(item)
    if vectors is not None:
        record["vectors"] = np.asarray(vectors, dtype=np.float64).tolist()
    return _call("upsert", record, lambda result: str(result["outcome"]), image, catalogue)


def delete(ids: Sequence[str], catalogue: str | None = None) -> Call[tuple[str, ...]]:
    """Return the call that deletes items; its result is the unknown ids."""
    return _call("delete", {"ids": ids}, lambda result: tuple(result["unknown"]), catalogue=catalogue)


def get(id: str, catalogue: str | None = None) -> Call[Item]:
    """Return the call that reads an item."""
    return _call("get", {"id": id}, lambda result: Item.from_record(result["item"]), catalogue=catalogue)


def similar(
    id: str, limit: int = 10, offset: int = 0, where: Mapping[str, Any] | None = None, catalogue: str | None = None
) -> Call[tuple[Match, ...]]:
    """Return the call that finds items like one."""

    def read(result: Any) -> tuple[Match, ...]:
        return tuple(Match.from_record(record) for record in result["items"])

    return _call("similar", _search(id, limit, offset, where), read, catalogue=catalogue)


def scenes(
    id: str, limit: int = 10, offset: int = 0, where: Mapping[str, Any] | None = None, catalogue: str | None = None
) -> Call[tuple[Scene, ...]]:
    """Return the call that finds the pictures in which an item appears."""

    def read(result: Any) -> tuple[Scene, ...]:
        return tuple(Scene.from_record(record) for record in result["scenes"])

    return _call("scenes", _search(id, limit, offset, where), read, catalogue=catalogue)


def feedback(image: ImageLike, id: str, box: Sequence[float] | None, catalogue: str | None = None) -> Call[int]:
    """Return the call that records a choice; its result is the number of choices kept.

    Raises:
        InvalidInput: the picture or the box is wrong.
    """
    try:
        choice = {"id": id} if box is None else {"id": id, "box": [float(side) for side in box]}
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The box {box!r} is not x1,y1,x2,y2 ({error}).") from error
    return _call("feedback", choice, lambda result: int(result["clicks"]), image, catalogue)


def feedback_entry(
    image: ImageLike, kind: str, id: str | None, box: Sequence[float] | None, catalogue: str | None = None
) -> Call[dict[str, Any]]:
    """Return the call that records feedback; its result is the server's record."""
    given: dict[str, Any] = {"kind": kind}
    if id is not None:
        given["id"] = id
    if box is not None:
        given["box"] = list(box)
    return _call("feedback", given, dict, image, catalogue)


def withdraw(feedback: str, catalogue: str | None = None) -> Call[bool]:
    """Return the call that deletes feedback; its result is whether it was there."""
    return _call("withdraw", {"feedback": feedback}, lambda result: bool(result["withdrawn"]), catalogue=catalogue)


def stats(catalogue: str | None = None) -> Call[CatalogueStats]:
    """Return the call that reads the catalogue's state.

    Keys of a later version are ignored.
    """

    def read(result: Any) -> CatalogueStats:
        known = {name: result[name] for name in CatalogueStats.__dataclass_fields__}
        return CatalogueStats(**{**known, "notes": tuple(known["notes"])})

    return _call("stats", {}, read, catalogue=catalogue)


def _search(id: str, limit: int, offset: int, where: Mapping[str, Any] | None) -> dict[str, Any]:
    asked: dict[str, Any] = {"id": id, "limit": limit, "offset": offset}
    return asked if where is None else {**asked, "where": dict(where)}


def _call(
    operation: str,
    item: Mapping[str, Any],
    read: Callable[[Any], Value],
    image: ImageLike | None = None,
    catalogue: str | None = None,
) -> Call[Value]:
    try:
        text = json.dumps(item)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The item cannot be written as JSON ({error}): use text, numbers and lists.") from error
    inputs: dict[str, npt.NDArray[Any]] = {
        "OPERATION": np.array([operation.encode()], dtype=object),
        "ITEM": np.array([text.encode()], dtype=object),
    }
    if image is not None:
        inputs["IMAGE"] = np.frombuffer(encode(image), np.uint8)

    @validate_reply
    def read_result(tensors: Tensors) -> Value:
        return read(json.loads(tensors["RESULT"][0]))

    return Call("catalogue", inputs, parameters(catalogue=catalogue), read_result)
