"""One item on its way into the store, and its pictures with their vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.store.picture_metadata import PictureMetadata

Outcome = Literal["added", "updated"]
_TEXTS = ("title", "brand", "category", "url")


@dataclass(frozen=True)
class ItemFields:
    """A merchant's fields of an item; None where a field is absent.

    Texts lose surrounding spaces and what no text can hold; empty ones become None. Attributes keep text, numbers,
    truth values, lists and objects of them.

    Args:
        id: the merchant's own identifier.
        title: what a person calls it.
        brand: maker or label.
        category: the merchant's category.
        price: in the merchant's currency.
        url: page of the item.
        attributes: everything else.

    Raises:
        InvalidInput: the id is empty, or the price is negative or not a number.
    """

    id: str
    title: str | None = None
    brand: str | None = None
    category: str | None = None
    price: float | None = None
    url: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            object.__setattr__(self, name, _storable(value).strip() or None if value is not None else None)
        object.__setattr__(self, "id", _storable(self.id).strip())
        kept = {_storable(key): _storable(value) for key, value in self.attributes.items()}
        object.__setattr__(self, "attributes", {key: value for key, value in kept.items() if value not in (None, "")})
        if not self.id:
            raise InvalidInput("an item needs a non-empty id")
        if self.price is not None and not 0.0 <= self.price < math.inf:
            raise InvalidInput(f"the price of item '{self.id}' is {self.price}; it is 0 or more")


@dataclass(frozen=True, eq=False)
class Vector:
    """The embedding of one region of a picture.

    Args:
        box: x1, y1, x2, y2 in pixels of the upright picture.
        values: f32 [D], unit length.
        score: the detector's of an object, 0..1; None for the whole picture.
    """

    box: Box
    values: npt.NDArray[np.float32]
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of an item.

    Args:
        path: where the file lies, or its address on the web.
        sha256: of the file, hex.
        vectors: what the embedder made of it.
        local: its local features as bytes (`LocalFeatures.to_bytes`), None where they were not taken.
        facts: what else was noted of it.
        others: the same regions by further embedders, by fingerprint.
    """

    path: str
    sha256: str
    vectors: tuple[Vector, ...]
    local: bytes | None = None
    facts: PictureMetadata = field(default_factory=PictureMetadata)
    others: Mapping[str, tuple[Vector, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", _storable(self.path))  # a file's name may be any bytes

    @property
    def whole_vectors(self) -> tuple[Vector, ...]:
        """Return the vectors of the whole picture, without those of objects in it."""
        return tuple(vector for vector in self.vectors if vector.score is None)


def _storable(value: Any) -> Any:
    """Return a value as JSON and SQLite hold it: no NUL, NaN or integer past 64 bits."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(one) for one in value]
    return _storable(str(value))
