"""What one region resembles: the value that goes through every stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


class Surroundings(Protocol):
    """Where matches come from: the region's own vector and the index around it, asked only by stages that need it."""

    @property
    def query(self) -> Floats:
        """The region's embedding, f32 [D], unit length."""

    def vectors(self, numbers: Numbers) -> Floats:
        """Of each of these items, int64 [K], the stored vector that is nearest to the query: f32 [K,D]."""

    def search(self, vector: Floats) -> Matches:
        """A second search, with another vector f32 [D] of unit length, under the same filter and threshold.

        Returns:
            As many items as the first search asked for, less those whose rank is below the threshold. `ranks` are
            those of the query, `scores` are 2 - distance to `vector`, best score first.
        """


@dataclass(frozen=True, eq=False)
class Matches:
    """The catalogue items that one region resembles, best first as far as the stages so far know.

    Args:
        numbers: int64 [K], item numbers, each at most once.
        ranks: f32 [K], 2 - distance, 0..2: how alike the pictures are. No stage changes it.
        categories: K names, "" where an item has none.
        rescored: f32 [K], what a stage put in the ranks' place to order by; None while that is the ranks.
        around: vectors and index for stages that need more than ranks; None where there are none.

    Raises:
        InvalidInput: they do not have the same length.
    """

    numbers: Numbers
    ranks: Floats
    categories: tuple[str, ...]
    rescored: Floats | None = None
    around: Surroundings | None = None

    def __post_init__(self) -> None:
        shape = (len(self.categories),)
        if self.numbers.shape != shape or self.ranks.shape != shape or self.scores.shape != shape:
            raise InvalidInput(
                f"Matches need as many numbers {self.numbers.shape} as ranks {self.ranks.shape}, "
                f"scores {self.scores.shape} and categories ({len(self.categories)})."
            )

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def scores(self) -> Floats:
        """What the stages so far make of each item, f32 [K], higher is better, on about the scale of ranks."""
        return self.ranks if self.rescored is None else self.rescored

    @property
    def surroundings(self) -> Surroundings:
        """`around`, for a stage that cannot do without.

        Raises:
            InvalidInput: there are none.
        """
        if self.around is None:
            raise InvalidInput("This ranking stage needs the vectors behind the matches, and none were given.")
        return self.around

    def take(self, positions: Sequence[int] | npt.NDArray[np.intp]) -> Matches:
        """The matches at these positions, in this order."""
        chosen = np.asarray(positions, dtype=np.intp)
        rescored = None if self.rescored is None else self.rescored[chosen]
        categories = tuple(self.categories[i] for i in chosen)
        return Matches(self.numbers[chosen], self.ranks[chosen], categories, rescored, self.around)

    def first(self, k: int) -> Matches:
        """The first k matches, or all if there are fewer."""
        return self.take(range(min(k, len(self))))

    def rescore(self, scores: npt.NDArray[np.float64]) -> Matches:
        """The same items with these scores [K], ordered by them; equal scores keep their order."""
        rescored: Floats = scores.astype(np.float32)
        return replace(self, rescored=rescored).take(np.argsort(-rescored, kind="stable"))


Stage = Callable[[Matches], Matches]
