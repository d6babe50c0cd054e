"""Holding what the server says against what is known to stand in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.identification import Identification
from whatsit_client.types import Match

from whatsit.demo.demo_data import Query
from whatsit.vision.boxes import iou

IOU = 0.5  # a region shows an item where it overlaps the true box by at least this
TOP = 5


@dataclass(frozen=True)
class ItemResult:
    """How one true item of a picture fared.

    Args:
        item_id: the true item.
        title: its title.
        seen: whether a region overlaps its box.
        place: best place of the item among the matches of such a region, 0 for the first; None where it is in none.
        best: first match of the region that overlaps most; None without one.
    """

    item_id: str
    title: str
    seen: bool
    place: int | None
    best: Match | None

    @property
    def hit(self) -> bool:
        """Whether a region's best match is the item."""
        return self.place == 0

    @property
    def in_top(self) -> bool:
        """Whether the item is among the first `TOP` matches of a region."""
        return self.place is not None and self.place < TOP


def compare(found: Identification, query: Query) -> tuple[ItemResult, ...]:
    """One item for each true item.

    Args:
        found: what the server said of the picture.
        query: the picture's truth.
    """
    regions = np.array([region.box for region in found.regions], np.float32)
    overlaps = iou(query.boxes, regions)
    return tuple(
        _item_result(found, overlaps[row], item_id, title)
        for row, (item_id, title) in enumerate(zip(query.ids, query.titles, strict=True))
    )


def _item_result(found: Identification, overlaps: npt.NDArray[np.float32], item_id: str, title: str) -> ItemResult:
    near = [int(k) for k in np.argsort(-overlaps) if overlaps[k] >= IOU]
    places = [
        place
        for k in near
        for place, match in enumerate(found.regions[k].matches)
        if match.item.id == item_id
    ]  # fmt: skip
    best = next((found.regions[k].matches[0] for k in near if found.regions[k].matches), None)
    return ItemResult(item_id, title, bool(near), min(places, default=None), best)
