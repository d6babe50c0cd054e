"""The look of one product: input of every drawing function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatsit.rendering.brands import Brand
from whatsit.rendering.canvas import Colour


@dataclass(frozen=True)
class Design:
    """The look of one product.

    Attributes:
        body: Key of `bodies.BODIES`.
        brand: Look of the brand.
        noun: What the article is called.
        variant: Name of the flavour, scent, colour or edition.
        size: Size text.
        picture: Key of `illustrations.PICTURES`.
        colour: Colour of the variant.
        layout: Number from which the layout of the label is chosen.
        pattern: Number from which the ground's pattern is chosen.
        flavour_first: Whether the variant's colour, not the brand's, covers the pack.
        seed: Seed for details that all variants of the line share.
    """

    body: str
    brand: Brand
    noun: str
    variant: str
    size: str
    picture: str
    colour: Colour
    layout: int
    pattern: int
    flavour_first: bool
    seed: int

    def rng(self, *salt: int) -> np.random.Generator:
        """Return a generator that is seeded alike for all variants of the line."""
        return np.random.default_rng([self.seed, *salt])

    @property
    def ground(self) -> Colour:
        """Return the colour that covers most of the pack."""
        return self.colour if self.flavour_first else self.brand.base

    @property
    def second(self) -> Colour:
        """Return the colour of bands and strips."""
        return self.brand.base if self.flavour_first else self.colour
