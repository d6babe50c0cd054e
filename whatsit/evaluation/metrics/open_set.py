"""Open-set recognition: false accepts, coverage and the threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

Floats = npt.NDArray[np.float32]
_STEPS = 10_000  # thresholds are rounded up to four decimals


@dataclass(frozen=True)
class PhotoScores:
    """Scores of one photo.

    Args:
        impostor: best score among all items but its item and that one's duplicates; 0 where there is none.
        genuine: score of its item; None where the catalogue does not hold it.
        rival: best score among the others beside its item, where that differs from `impostor`: stages that compare
            matches with each other get another list then.
    """

    impostor: float
    genuine: float | None = None
    rival: float | None = None


@dataclass(frozen=True)
class Point:
    """A point of the curve; shares 0..1, None without photos of catalogue items."""

    min_score: float
    false_accepts: float
    coverage: float | None
    right: float | None


class OpenSet:
    """Scores of photos of absent items and, where `genuine` is known, of present ones.

    Args:
        photos: scores of one or more photos.

    Raises:
        InvalidInput: there is none.
    """

    def __init__(self, photos: Sequence[PhotoScores]) -> None:
        if not photos:
            raise InvalidInput("No photo could be measured, and a threshold needs at least one.")
        self.impostors: Floats = np.array([one.impostor for one in photos], dtype=np.float32)
        present = [one for one in photos if one.genuine is not None]
        self.genuine: Floats = np.array([one.genuine for one in present], dtype=np.float32)
        self._first: npt.NDArray[np.bool_] = self.genuine >= np.array(
            [one.impostor if one.rival is None else one.rival for one in present], dtype=np.float32
        )

    def threshold(self, false_positives: float) -> float:
        """Return the lowest `min_score` with at most this share of false accepts.

        It is rounded up to four decimals.

        Raises:
            InvalidInput: the share is outside 0..1, or even the highest threshold accepts more.
        """
        if not 0.0 <= false_positives <= 1.0:
            raise InvalidInput(f"The false-positive target lies within 0..1, not {false_positives}.")
        falling = np.sort(self.impostors)[::-1]
        accepted = math.floor(false_positives * len(falling) + 1e-9)
        if accepted >= len(falling):
            return 0.0
        # Just above the best score that must be refused; `Score` compares in float32, as is done here.
        step = max(0, math.floor(float(falling[accepted]) * _STEPS))
        while np.float32(step / _STEPS) <= falling[accepted]:
            step += 1
        if step > 2 * _STEPS and falling[accepted] <= 2.0:  # print may add more to a score
            raise InvalidInput(
                f"More than {false_positives:.1%} of the photos are exact pictures of another item: "
                "raise --false-positives, or merge the catalogue's duplicates."
            )
        return step / _STEPS

    def at(self, min_score: float) -> Point:
        """Return false accepts, coverage and right answers at a threshold.

        Coverage counts items that pass; right answers those that are first too.
        """
        limit = np.float32(min_score)
        passed = self.genuine >= limit
        shares = (None, None) if not len(passed) else (float(passed.mean()), float((passed & self._first).mean()))
        return Point(min_score, float((self.impostors >= limit).mean()), *shares)

    def curve(self, points: int = 201) -> list[Point]:
        """Return the points of evenly spaced thresholds 0..2."""
        return [self.at(round(float(score), 4)) for score in np.linspace(0.0, 2.0, points)]
