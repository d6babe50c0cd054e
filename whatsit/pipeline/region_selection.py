"""Selection of the regions that are searched, and their crops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS
from whatsit_client.types import Box

from whatsit.pipeline.decoded_picture import DecodedPicture, Pixels
from whatsit.vision.boxes import FloatArray, area
from whatsit.vision.crop import clipped, crop_resize
from whatsit.vision.local_features import LocalFeatures, Patch, cut_patches, extract_regions
from whatsit.vision.regions import MAX_REGIONS, MIN_SCORE, USER_BOX, Regions, select_regions

# The whole picture and the best two of its regions: a region's local features take some 20 ms.
LOCAL_REGIONS = 3
OTHER = INTENTS.index("other")


@dataclass(frozen=True)
class RegionOptions:
    """What a caller may ask of the regions.

    Args:
        boxes: the caller's own regions instead of the detector's, pixels of the upright picture; None to detect.
        gate: False searches even where the picture seems to show nothing of the catalogue's kind.
    """

    boxes: tuple[Box, ...] | None = None
    gate: bool = True


@dataclass(frozen=True)
class RegionLimits:
    """What a server sets for the regions.

    Args:
        cap: at most this many regions, the whole picture counted; the caller's own boxes are never cut.
        min_score: weaker boxes of the detector are dropped, 0..1.
    """

    cap: int = MAX_REGIONS
    min_score: float = MIN_SCORE


DEFAULT_LIMITS = RegionLimits()


@dataclass(frozen=True, eq=False)
class Detections:
    """The detector's boxes in one picture.

    Args:
        boxes: f32 [K,4], pixels of the upright picture.
        scores: f32 [K], 0..1.
        labels: i32 [K], index into `names`.
        names: the detector's labels, the class-free one first.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: npt.NDArray[np.int32]
    names: Sequence[str]


def check_boxes(boxes: Sequence[Box] | None, width: int, height: int) -> None:
    """Refuse boxes that do not touch the picture.

    Args:
        boxes: pixels of the upright picture; None for none.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Raises:
        InvalidInput: a box lies wholly outside.
    """
    for number, (x1, y1, x2, y2) in enumerate(boxes or ()):
        if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
            raise InvalidInput(
                f"boxes[{number}] = {json.dumps([x1, y1, x2, y2])[:60]} lies outside the upright picture of "
                f"{width}x{height} pixels.",
                "option",
            )


def is_gated(intent_scores: FloatArray, options: RegionOptions) -> bool:
    """Return whether the gate is closed: the picture shows nothing to search for.

    Args:
        intent_scores: f32 [3], one probability per name of `INTENTS`.
        options: the gate stays open where the caller switched it off or sent boxes.
    """
    return options.gate and options.boxes is None and int(np.argmax(intent_scores)) == OTHER


def choose_regions(
    detections: Detections,
    width: int,
    height: int,
    options: RegionOptions,
    *,
    gated: bool,
    limits: RegionLimits = DEFAULT_LIMITS,
) -> Regions:
    """Return the parts of a picture that are looked up.

    Args:
        detections: the detector's boxes.
        width: of the upright picture, pixels.
        height: of the upright picture, pixels.
        options: the caller's own boxes replace the detector's.
        gated: True leaves the whole picture alone.
        limits: the server's.
    """
    if options.boxes is not None:
        boxes = np.clip(np.array(options.boxes, dtype=np.float32), 0, np.array([width, height] * 2, dtype=np.float32))
        return Regions.whole(width, height).plus(boxes, np.ones(len(boxes), dtype=np.float32), [USER_BOX] * len(boxes))
    if gated:
        return Regions.whole(width, height)
    return select_regions(
        detections.boxes,
        detections.scores,
        detections.labels,
        detections.names,
        width,
        height,
        cap=limits.cap,
        min_score=limits.min_score,
    )


def crop_regions(picture: DecodedPicture, regions: Regions) -> Pixels:
    """Cut regions out for the embedder.

    Args:
        picture: the picture.
        regions: what to cut out, boxes in pixels of the full picture.

    Returns:
        uint8 [N,3,224,224].
    """
    height, width = picture.pixels.shape[:2]
    rows = []
    for box in regions.boxes * picture.scale:
        is_whole = clipped(box, width, height) == (0, 0, width, height)
        rows.append(picture.whole_crop if is_whole else crop_resize(picture.pixels, box))
    return np.stack(rows)


def local_features(picture: DecodedPicture, regions: Regions) -> list[LocalFeatures]:
    """Return the local features of each region, taken from its own pixels.

    A region beyond the first `LOCAL_REGIONS` has none.
    """
    found = extract_regions(picture.pixels, regions.boxes[:LOCAL_REGIONS] * picture.scale)
    return [*found, *[LocalFeatures.none()] * (len(regions) - len(found))]


def patches(picture: DecodedPicture, regions: Regions) -> list[Patch]:
    """Return the patches of the first `LOCAL_REGIONS` regions, for local features."""
    return cut_patches(picture.pixels, regions.boxes[:LOCAL_REGIONS] * picture.scale)


def area_shares(regions: Regions, width: int, height: int) -> FloatArray:
    """Return the share of the picture's area that each region has, f32 [N], 0..1."""
    return np.asarray(area(regions.boxes) / (width * height), dtype=np.float32)
