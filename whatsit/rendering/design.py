"""The recipe of one product's look: what every drawing function is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatsit.rendering.brands import Brand
from whatsit.rendering.canvas import Colour


@dataclass(frozen=True)
class Design:
    """One product's look.

    Attributes:
        body: Key of `bodies.BODIES`.
        brand: Look of the brand.
        noun: What the article is called.
        variant: Name of the flavour, scent, colour or edition.
        size: Size text.
        picture: Key of `pictures.PICTURES`.
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
        """Random numbers that are the same for all variants of the line."""
        return np.random.default_rng([self.seed, *salt])

    @property
    def ground(self) -> Colour:
        """The colour that covers most of the pack."""
        return self.colour if self.flavour_first else self.brand.base

    @property
    def second(self) -> Colour:
        """The colour of bands and strips on the ground."""
        return self.brand.base if self.flavour_first else self.colour
