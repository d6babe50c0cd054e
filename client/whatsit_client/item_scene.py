"""A catalogue picture in which an item appears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whatsit_client.types import Box, Item, read_box


@dataclass(frozen=True)
class Scene:
    """A catalogue picture in which an item appears.

    Args:
        item: the item whose picture it is.
        picture: position among that item's pictures, 0 for the main one.
        box: where the thing is, x1, y1, x2, y2 in pixels of the upright picture.
        size: width and height of the upright picture in pixels.
        score: 2 - L2 distance, 0..2; higher is more alike.
        image: path or URL of the picture.
    """

    item: Item
    picture: int
    box: Box
    size: tuple[float, float]
    score: float
    image: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Scene:
        """Build a scene from a JSON object; unknown keys are ignored."""
        width, height = (float(side) for side in record["size"])
        return cls(
            Item.from_record(record["item"]),
            int(record["picture"]),
            read_box(record["box"]),
            (width, height),
            float(record["score"]),
            str(record.get("image") or ""),
        )

    def to_record(self) -> dict[str, Any]:
        """Return the scene as a JSON object."""
        return {
            "item": self.item.to_record(),
            "picture": self.picture,
            "box": list(self.box),
            "size": list(self.size),
            "score": self.score,
            "image": self.image,
        }
