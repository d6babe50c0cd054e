"""Boxes of single-product photos, from a detector's boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatsit.evaluation.datasets.label_file import Box

_LEAST_SHARE = 0.1
_CENTRED = 0.8


def centred(width: int, height: int, share: float = _CENTRED) -> tuple[float, float, float, float]:
    """Return the centred box with `share` of each side: x1, y1, x2, y2."""
    margin = (1 - share) / 2
    return width * margin, height * margin, width * (1 - margin), height * (1 - margin)


def single_product(found: Sequence[Box], name: str, width: int, height: int, sure: float) -> list[Box]:
    """Name the product's box after what the photo is known to show.

    Args:
        found: boxes of a detector, best first.
        name: of the product.
        width: of the photo in pixels; `height` too.
        sure: least score of a box that may be the product.

    Returns:
        The best sure box of at least a tenth of the photo, renamed, else the centred box; other boxes beside it
        are doubtful: perhaps objects, perhaps parts of the background.
    """
    large = [
        box for box in found if (box.score or 0) >= sure and box.width * box.height >= _LEAST_SHARE * width * height
    ]
    main = replace(large[0], name=name) if large else Box.of_corners(centred(width, height), name, origin="centred")
    others = [box for box in found if box.iou(main) < 0.5]
    return [main, *(replace(box, doubtful=True) for box in others)]
