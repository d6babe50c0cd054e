"""Weak labels of one picture: clusters of crops with a weight and a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from whatsit.evaluation.datasets.label_file import OBJECT, Box, Picture
from whatsit.vision.box_clusters import Members, cluster_boxes, cluster_weight, seen_share
from whatsit.vision.boxes import FloatArray, area

SURE = 0.5
"""Weight from which a box is a label."""
DOUBTFUL = 0.1
"""Weight from which a place is not background either."""
NAMED = 0.5
"""Share of the annotations from which a box is named by them."""
WHOLE = 0.95
"""Share of the picture from which a crop says nothing of where a thing is."""
ORIGIN = "crops"


@dataclass(frozen=True)
class Annotations:
    """What the results of a crop say of it.

    Args:
        names: of a category -> how much speaks for it.
        items: id of an item -> how much speaks for it.
    """

    names: Mapping[str, float] = field(default_factory=dict)
    items: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class WeakBox:
    """A box that people's crops speak for.

    Args:
        box: float32 [4], pixels.
        weight: how likely the box is right, 0..1.
        crops: indices of the crops.
        name: of the category that their results agree on, or `OBJECT`.
        name_share: of the annotations for that category, 0..1.
        item: that most results agree on, "" for none.
        item_share: of the annotations for that item.
    """

    box: FloatArray
    weight: float
    crops: Members
    name: str = OBJECT
    name_share: float = 0.0
    item: str = ""
    item_share: float = 0.0


@dataclass(frozen=True)
class WeakPicture:
    """The weak labels of a picture.

    Args:
        boxes: the likeliest first.
        background: how likely a place without crops is background, 0..1.
    """

    boxes: tuple[WeakBox, ...]
    background: float

    def to_labels(self, file: str, width: int, height: int) -> Picture:
        """Return the picture as an entry of a label file; unlikely boxes are doubtful."""
        boxes = []
        for one in self.boxes:
            more = {"crops": len(one.crops), **({"item": one.item} if one.item else {})}
            if one.name != OBJECT:
                more["name_weight"] = round(one.name_share, 3)
            sure = one.weight >= SURE
            weight = round(one.weight, 3) if sure else 1.0
            boxes.append(Box.of_corners(one.box, one.name, doubtful=not sure, origin=ORIGIN, more=more, weight=weight))
        return Picture(file, width, height, tuple(boxes), background=round(self.background, 3))


def weak_boxes(
    crops: FloatArray,
    size: tuple[int, int],
    annotations: Sequence[Annotations] = (),
    counts: FloatArray | None = None,
) -> WeakPicture:
    """Turn the crops of a picture into boxes with weights and names.

    Overlapping crops are clustered. The weight of a cluster's box is how likely it is right, from the size of the
    cluster and how far its crops agree. What the results of its crops are called is added up. Where nobody cropped is
    background as surely as the next crop would be of a thing that was cropped before.

    Args:
        crops: float32 [N, 4], pixels; those of nearly the whole picture do not count.
        size: width and height of the picture, pixels.
        annotations: of the crops, N of them or none.
        counts: float32 [N], what each crop counts in the box of its cluster; None for 1 each.
    """
    local = np.flatnonzero(area(crops) < WHOLE * size[0] * size[1])
    clusters = cluster_boxes(crops[local], None if counts is None else counts[local])
    background = seen_share([len(one.members) for one in clusters])
    found = []
    for one in clusters:
        weight = cluster_weight(one, len(local))
        if weight >= DOUBTFUL:
            members = local[one.members]
            said = [annotations[int(crop)] for crop in members] if annotations else []
            found.append(WeakBox(one.box, weight, members, *_most([a.names for a in said], NAMED, OBJECT),
                                 *_most([a.items for a in said], NAMED, "")))  # fmt: skip
    return WeakPicture(tuple(sorted(found, key=lambda one: -one.weight)), background)


def _most(said: Sequence[Mapping[str, float]], least: float, otherwise: str) -> tuple[str, float]:
    """Return what most annotations say and its share; `otherwise` without agreement."""
    total: dict[str, float] = {}
    for one in said:
        for name, weight in one.items():
            total[name] = total.get(name, 0.0) + weight
    whole = sum(total.values())
    if whole <= 0:
        return otherwise, 0.0
    best = max(total, key=lambda name: (total[name], name))
    share = total[best] / whole
    return (best, share) if best and share >= least else (otherwise, share)
