"""What a picture shows besides its look: codes, and print that can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Box

from whatsit.vision.boxes import FloatArray, area, centre
from whatsit.vision.code_reader import ReadCode
from whatsit.vision.crop import clipped
from whatsit.vision.text_reader import TextLine, read_text
from whatsit.vision.text_texture import has_text_texture

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Clues:
    """Codes and print of one picture.

    Args:
        boxes: f32 [N,4], of the regions, pixels of the upright picture in full; region 0 is all of it.
        codes: that were read, largest first.
        pixels: uint8 [h,w,3] RGB, the upright picture, possibly at reduced scale; None where nothing may be read.
        only_codes: items that no code names are no matches, as on a picture that the gate stopped.
        reader: reads the lines of text in pixels.
    """

    boxes: FloatArray
    codes: Sequence[ReadCode] = ()
    pixels: Pixels | None = None
    only_codes: bool = False
    reader: Callable[[Pixels], tuple[TextLine, ...]] = field(default=read_text)

    def region_of(self, code: ReadCode) -> int:
        """Return the smallest region that holds a code's middle, 0 for none."""
        x, y = centre(code.box)
        x1, y1, x2, y2 = self.boxes.T
        holds = np.flatnonzero((x1 <= x) & (x <= x2) & (y1 <= y) & (y <= y2))
        return int(holds[np.argmin(area(self.boxes[holds]))]) if len(holds) else 0

    def has_text(self, region: int) -> bool:
        """Return whether a region's pixels look like print."""
        if self.pixels is None:
            return False
        x1, y1, x2, y2 = self._place(region)
        return has_text_texture(self.pixels[y1:y2, x1:x2])

    def lines(self, region: int) -> tuple[TextLine, ...]:
        """Return the lines of text in a region, from top to bottom.

        The picture is read once, when a region is first asked for.
        """
        x1, y1, x2, y2 = self._place(region) if self.pixels is not None else (0, 0, 0, 0)
        middles = [centre(line.box) for line in self._lines]
        return tuple(line for line, (x, y) in zip(self._lines, middles, strict=True) if x1 <= x <= x2 and y1 <= y <= y2)

    @cached_property
    def _lines(self) -> tuple[TextLine, ...]:
        return () if self.pixels is None else self.reader(self.pixels)

    def _place(self, region: int) -> tuple[int, int, int, int]:
        """Return a region's box in pixels of `pixels`."""
        assert self.pixels is not None  # asked by callers before
        height, width = self.pixels.shape[:2]
        scale = width / max(float(self.boxes[0, 2] - self.boxes[0, 0]), 1.0)
        x1, y1, x2, y2 = clipped(self.boxes[region] * scale, width, height)
        return x1, y1, x2, y2


def no_clues(regions: int) -> Clues:
    """Return the clues of a picture that shows none."""
    whole: Box = (0.0, 0.0, 1.0, 1.0)
    return Clues(np.tile(np.array(whole, dtype=np.float32), (regions, 1)))
