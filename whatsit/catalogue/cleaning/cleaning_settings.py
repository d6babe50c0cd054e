"""Settings of cleaning; the defaults are for the embedder that ships."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision import Step
from whatsit.vision.perceptual_hash import KINDS, Kind

STEPS: tuple[Step, ...] = ("duplicates", "denoise", "merge")


@dataclass(frozen=True)
class CleaningSettings:
    """The settings of one cleaning.

    The defaults were chosen on photos of the 41 Grocery Store classes of even number (`perf/catalogue/cleaning`). The
    embedder knows those photos, and others scatter more: of the layers of denoising the loosest were taken that find 9
    of 10 moved pictures, and of likeness a cosine that merges less where items have few pictures.

    Args:
        steps: what to do, of `STEPS`; always in that order.
        hash: kind of perceptual hash for `duplicates`.
        radius: bits in which the hashes of duplicates may differ, 0..32.
        min_similarity: cosine of the embeddings from which pictures of near hashes are duplicates, -1..1.
        radii: cosine distances of the layers of `denoise`, ascending, 0..2.
        min_pictures: items of fewer pictures are not denoised: a majority must be seen.
        min_confusion: confusion in both directions from which items are merged; 1 is that of one item split at random.
        min_likeness: mean cosine of confused pictures from which items are merged, -1..1.
        min_merged: items of fewer pictures are not merged: one picture's neighbour says little.

    Raises:
        InvalidInput: a setting is out of its range.
    """

    steps: tuple[Step, ...] = STEPS
    hash: Kind = "dhash"
    radius: int = 6
    min_similarity: float = 0.8
    radii: tuple[float, ...] = (0.2, 0.35, 0.5)
    min_pictures: int = 4
    min_confusion: float = 0.5
    min_likeness: float = 0.7
    min_merged: int = 2

    def __post_init__(self) -> None:
        if not self.steps or set(self.steps) - set(STEPS):
            raise InvalidInput(f"Cleaning does {', '.join(STEPS)}; name one or more of them.")
        if self.hash not in KINDS:
            raise InvalidInput(f"There is no hash '{self.hash}'; the kinds are {', '.join(KINDS)}.")
        if not 0 <= self.radius <= 32:
            raise InvalidInput(f"The radius of duplicates is 0..32 bits, not {self.radius}.")
        for name in ("min_similarity", "min_likeness"):
            if not -1.0 <= getattr(self, name) <= 1.0:
                raise InvalidInput(f"{name} is a cosine, -1..1, not {getattr(self, name)}.")
        if not self.radii or list(self.radii) != sorted(self.radii) or not 0 < self.radii[0] <= self.radii[-1] <= 2:
            raise InvalidInput("The radii of denoising are cosine distances above 0 and up to 2, in ascending order.")
        if not self.min_confusion > 0.0:
            raise InvalidInput(f"min_confusion is above 0, not {self.min_confusion}.")
        if self.min_pictures < 3 or self.min_merged < 1:
            raise InvalidInput("Denoising needs items of 3 pictures or more, merging of 1 or more.")

    def to_record(self) -> dict[str, Any]:
        """Return the settings as a JSON object."""
        return asdict(self)
