"""Whether pixels look like print: rows of short strokes."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

_SIDE = 256
# Of a line of text among the connected areas of strokes, in pixels of the reduced picture.
_LOWEST, _HIGHEST, _SHORTEST = 3, 64, 12
_SLIM = 1.8  # length by height
_FILLED = 0.45
_LINES = 2


def has_text_texture(pixels: npt.NDArray[np.uint8]) -> bool:
    """Return whether there are `_LINES` areas that may be lines of text.

    Strokes (black top hats and white ones) are joined along the line or upright; a line is long, low and filled.

    Args:
        pixels: uint8 [h,w,3] RGB.
    """
    if min(pixels.shape[:2]) < 16:
        return False
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = _SIDE / max(grey.shape)
    if scale < 1.0:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    stroke = cv2.getStructuringElement(cv2.MORPH_RECT, (7, 7))
    hats = [cv2.morphologyEx(grey, kind, stroke) for kind in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)]
    found = 0
    for hat in hats:
        strokes = (hat > max(24.0, 2.5 * float(hat.mean()))).astype(np.uint8)
        for joint in ((9, 1), (1, 9)):
            joined = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, joint))
            _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
            width, height, filled = (stats[1:, column].astype(np.float64) for column in (2, 3, 4))
            long, low = (width, height) if joint[0] > 1 else (height, width)
            lines = (low >= _LOWEST) & (low <= _HIGHEST) & (long >= _SHORTEST) & (long >= _SLIM * low)
            found = max(found, int((lines & (filled >= _FILLED * width * height)).sum()))
    return found >= _LINES
