"""Places of matches: the picture of the item, and the box in it, that matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Box

from whatsit.catalogue.protocols import CatalogueStore
from whatsit.ranking.matches import Matches


@dataclass(frozen=True)
class Place:
    """Where in an item's pictures the thing is that a region resembles.

    Args:
        picture: position among the item's visible pictures, 0 for the main one.
        box: x1, y1, x2, y2 in pixels of the upright picture; None for the whole picture.
    """

    picture: int
    box: Box | None

    def to_record(self) -> dict[str, Any]:
        """Return the place as a JSON object."""
        box = {} if self.box is None else {"box": [round(side, 1) for side in self.box]}
        return {"picture": self.picture, **box}


def find_places(
    store: CatalogueStore, fingerprint: str, embeddings: npt.NDArray[np.float32], regions: Sequence[Matches]
) -> tuple[Mapping[int, Place], ...]:
    """Return item number -> place of the matches of each region.

    A match by a picture of an item that was merged into the found one has none.

    Args:
        store: the catalogue.
        fingerprint: of the embedder.
        embeddings: f32 [N,D], of the regions.
        regions: N, the matches.
    """
    wanted = {number for matches in regions for number in matches.numbers.tolist()}
    rows = store.placed_vectors(wanted, fingerprint)
    ids = {number: record["id"] for number, record in store.records(wanted).items()}
    starts = np.searchsorted(rows.numbers, sorted(wanted), "left").tolist()
    ends = np.searchsorted(rows.numbers, sorted(wanted), "right").tolist()
    spans = {number: span for number, *span in zip(sorted(wanted), starts, ends, strict=True)}
    places: list[dict[int, Place]] = []
    for query, matches in zip(embeddings, regions, strict=True):
        found: dict[int, Place] = {}
        for number in matches.numbers.tolist():
            start, end = spans[number]
            if start == end:
                continue
            row = start + int(np.argmax(rows.vectors[start:end] @ query))
            if rows.owners[row] == ids.get(number):
                found[number] = Place(int(rows.positions[row]), None if rows.whole[row] else _box(rows.boxes[row]))
        places.append(found)
    return tuple(places)


def _box(sides: npt.NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (float(side) for side in sides)
    return x1, y1, x2, y2
