"""Networks for review: boxes of catalogue pictures, vectors of visitors' photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Box

from whatsit.pipeline.decoded_picture import MAX_SIDE, DecodedPicture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions, run_detector
from whatsit.pipeline.region_selection import Detections, RegionLimits, RegionOptions, check_boxes, choose_regions
from whatsit.vision.decode_process import decode_isolated

_LIMITS = RegionLimits(cap=12, min_score=0.15)


@dataclass(frozen=True)
class FoundBoxes:
    """What the detector finds in a picture.

    Args:
        width: of the upright picture, pixels.
        height: of the upright picture, pixels.
        boxes: box, score and label of each, best first.
    """

    width: int
    height: int
    boxes: tuple[tuple[Box, float, str], ...]


class PhotoNetworks:
    """Detects and embeds one picture after another.

    Args:
        model_repository: Triton's folder of models; None for Whatsit's own.
        embedder: see `Networks`.
    """

    def __init__(self, model_repository: Path | None = None, embedder: Path | None = None) -> None:
        self._networks = Networks(model_repository, embedder=embedder)
        self.fingerprint = self._networks.fingerprint
        self.labels = tuple(self._networks.names)

    def __enter__(self) -> PhotoNetworks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._networks.close()

    def detect(self, data: bytes) -> FoundBoxes:
        """Return the boxes of things in a picture.

        Raises:
            InvalidInput: it is no picture.
        """
        picture = _decoded(data)
        found = run_detector(picture, self._networks.detector, self._networks.names)
        regions = choose_regions(
            found, picture.width, picture.height, RegionOptions(), gated=False, limits=_LIMITS
        ).objects
        rows = zip(regions.boxes.tolist(), regions.scores.tolist(), regions.labels, strict=True)
        boxes = tuple(((b[0], b[1], b[2], b[3]), float(score), str(label)) for b, score, label in rows)
        return FoundBoxes(picture.width, picture.height, boxes)

    def embed(self, data: bytes, box: Sequence[float] | None) -> tuple[npt.NDArray[np.float32], int, int]:
        """Return the vector of a region of a photo, and the photo's width and height.

        Args:
            data: encoded photo.
            box: pixels of the upright photo, None for all of it.

        Raises:
            InvalidInput: it is no picture, or the box lies outside it.
        """
        picture = _decoded(data)
        if box is None:
            regions = picture.whole
        else:
            x1, y1, x2, y2 = map(float, box)
            options = RegionOptions(boxes=((x1, y1, x2, y2),))
            check_boxes(options.boxes, picture.width, picture.height)
            nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), ())
            regions = choose_regions(nothing, picture.width, picture.height, options, gated=False)
        return embed_regions(picture, regions, self._networks.embedder)[-1], picture.width, picture.height


def _decoded(data: bytes) -> DecodedPicture:
    decoded = decode_isolated(data, MAX_SIDE)
    return DecodedPicture(decoded.pixels, decoded.width, decoded.height)
