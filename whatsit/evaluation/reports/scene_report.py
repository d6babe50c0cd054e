"""Recall of `identify` on pictures of several products, with and without boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from whatsit_client.identification import Identification

from whatsit.evaluation.datasets.product_scenes import ProductScene
from whatsit.evaluation.reports.identify_report import MODES, best_items
from whatsit.vision.boxes import iou

IOU = 0.5
"""A region shows an item where it overlaps the item's box by at least this."""
TOP = 5


@dataclass(frozen=True)
class ItemOutcome:
    """Result of one true item of a scene in one mode.

    Args:
        place: its best place among the matches of any region, 0 first; None where it is in none.
        merged: its place in the one list of all regions' items, best first; None where it is not there.
        boxed: a region overlaps its box.
        boxed_place: its best place among the matches of the regions that overlap its box.
    """

    place: int | None
    merged: int | None
    boxed: bool
    boxed_place: int | None


@dataclass(frozen=True)
class SceneRow:
    """A line of the table; shares are of the true items, 0..1.

    Args:
        group: which scenes.
        mode: of `MODES`.
        scenes: their number.
        items: true items in them.
        first: the best match of some region.
        top5: among the first five matches of some region.
        merged5: among the first five items when all regions' matches are put in one list: as many names in both modes.
        boxed: a region overlaps the item's box.
        boxed_first: such a region's best match is the item.
        boxed_top5: such a region has the item among its first five matches.
    """

    group: str
    mode: str
    scenes: int
    items: int
    first: float
    top5: float
    merged5: float
    boxed: float
    boxed_first: float
    boxed_top5: float


def match_scene(found: Identification, scene: ProductScene) -> tuple[tuple[ItemOutcome, ...], ...]:
    """Return for each of `MODES` the outcome of each true item of one reply.

    Args:
        found: the reply; region 0 is the whole picture.
        scene: the truth.
    """
    return tuple(
        tuple(_outcome(found, regions, scene, index) for index in range(len(scene.items)))
        for regions in ([0], range(len(found.regions)))
    )


def _outcome(found: Identification, regions: Sequence[int], scene: ProductScene, index: int) -> ItemOutcome:
    item = scene.items[index]
    boxes = np.array([found.regions[k].box for k in regions], np.float32)
    overlaps = iou(scene.boxes[index : index + 1], boxes)[0] >= IOU
    ranking = best_items([found.regions[k] for k in regions])
    return ItemOutcome(
        place=_place(found, regions, item),
        merged=ranking.index(item) if item in ranking else None,
        boxed=bool(overlaps.any()),
        boxed_place=_place(found, [k for k, near in zip(regions, overlaps, strict=True) if near], item),
    )


def _place(found: Identification, regions: Iterable[int], item: str) -> int | None:
    places = [place for k in regions for place, match in enumerate(found.regions[k].matches) if match.item.id == item]
    return min(places, default=None)


def tabulate_scenes(group: str, outcomes: Sequence[tuple[tuple[ItemOutcome, ...], ...]]) -> list[SceneRow]:
    """Return one row per mode of a group's scenes; `outcomes` are `match_scene`'s.

    Every scene holds at least one item.
    """
    rows = []
    for number, mode in enumerate(MODES):
        items = [item for scene in outcomes for item in scene[number]]
        rows.append(
            SceneRow(
                group,
                mode,
                scenes=len(outcomes),
                items=len(items),
                first=_within([item.place for item in items], 1),
                top5=_within([item.place for item in items], TOP),
                merged5=_within([item.merged for item in items], TOP),
                boxed=sum(item.boxed for item in items) / len(items),
                boxed_first=_within([item.boxed_place for item in items], 1),
                boxed_top5=_within([item.boxed_place for item in items], TOP),
            )
        )
    return rows


def _within(places: Sequence[int | None], count: int) -> float:
    return sum(place is not None and place < count for place in places) / len(places)
