"""Drawn covers as a picture source, each its own class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from whatsit.rendering.printed_covers import draw_cover, photograph_of
from whatsit.rendering.printed_labels import draw_label
from whatsit.training.embedder.augment import Image, random_box
from whatsit.training.embedder.picture_sources import finish, photographed_view, read_rgb
from whatsit.vision.crop import crop_resize

_HEIGHT = 320


class CoverSource:
    """Picture source of drawn covers and labels, one after the other.

    Print decides there: titles, a photograph, colours of a studio that several covers share.

    Args:
        photographs: pictures to put on the covers.
        count: how many covers and labels.
        seed: of the drawing; 1000 and above, the ones below are for tests and measuring.
    """

    def __init__(self, photographs: Sequence[Path], count: int, seed: int) -> None:
        self._photographs, self.seed = list(photographs), seed
        self.classes = count
        self.labels = np.arange(count, dtype=np.int64)

    def plain(self, index: int, size: int) -> Image:
        """Return the print squashed to uint8 [3, size, size]."""
        return crop_resize(self._drawn(index), size=size)

    def view(self, index: int, size: int, rng: np.random.Generator) -> Image:
        """Return the print or a photo of it, uint8 [3, size, size]."""
        picture = self._drawn(index)
        if rng.random() < 0.3:
            return finish(picture, random_box(picture, rng, 0.9), size, rng, flip=False, light=0.15)
        return photographed_view(picture, size, rng)

    def _drawn(self, index: int) -> Image:
        number = index // 2
        if index % 2:
            return draw_label(number, self.seed, _HEIGHT)
        photograph = self._photographs[photograph_of(number) % len(self._photographs)]
        return draw_cover(read_rgb(photograph), number, self.seed, _HEIGHT)
