"""What one region resembles: the value that goes through every stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Matches:
    """The catalogue items that one region resembles, best first as far as the stages so far know.

    Args:
        numbers: int64 [K], item numbers, each at most once.
        ranks: f32 [K], 2 - distance, 0..2.
        categories: K names, "" where an item has none.

    Raises:
        InvalidInput: the three do not have the same length.
    """

    numbers: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.float32]
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.categories),)
        if self.numbers.shape != shape or self.ranks.shape != shape:
            raise InvalidInput(
                f"Matches need as many numbers {self.numbers.shape} as ranks {self.ranks.shape} "
                f"and categories ({len(self.categories)})."
            )

    def __len__(self) -> int:
        return len(self.categories)

    def take(self, positions: Sequence[int] | npt.NDArray[np.intp]) -> Matches:
        """The matches at these positions, in this order."""
        chosen = np.asarray(positions, dtype=np.intp)
        return Matches(self.numbers[chosen], self.ranks[chosen], tuple(self.categories[i] for i in chosen))

    def first(self, k: int) -> Matches:
        """The first k matches, or all if there are fewer."""
        return self.take(range(min(k, len(self))))


Stage = Callable[[Matches], Matches]
