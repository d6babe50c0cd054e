"""Shares of right, wrong and missing answers, and their threshold curve."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Verdict = Literal["right", "wrong", "unsure", "silent"]
Z95 = 1.959964
"""The quantile of the normal distribution for 95 % of its mass."""
_POINTS = 200


@dataclass(frozen=True)
class PhotoAnswer:
    """The answer to one photo.

    Args:
        photo: its file.
        item: id of what it shows; "" where the catalogue does not hold it.
        state: "found", "unsure", "not_found", "not_searched" (the gate was closed) or "unreadable".
        answered: id that the answer names; "" where it names none.
        first: id of the first match of the main region; "" where it has none.
        place: place of the item among the matches of the main region, 1 for the first; None where it is not there.
        certainty: what the answer is decided by; 0 without a match.
        scale: of the certainty: "probability", "confidence" (of the stage `learned`) or "score".
        shown: ids that an unsure answer shows.
        score: of the first match, 0..2.
        item_score: of the item among the matches; None where it is not there.
        reason: the reply's, "" where it gives none.
    """

    photo: str
    item: str
    state: str
    answered: str = ""
    first: str = ""
    place: int | None = None
    certainty: float = 0.0
    scale: str = "score"
    shown: tuple[str, ...] = ()
    score: float = 0.0
    item_score: float | None = None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the answer is right; any answer to a photo of nothing is wrong."""
        if self.state == "found":
            return "right" if self.item and self.answered == self.item else "wrong"
        return "unsure" if self.state == "unsure" else "silent"

    @property
    def candidate(self) -> str:
        """The id that would be answered at a lower threshold."""
        return self.answered or self.first

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> PhotoAnswer:
        """Build one from the JSON object of `asdict`."""
        return cls(**{**record, "shown": tuple(record.get("shown") or ())})


@dataclass(frozen=True)
class Share:
    """A share of photos with its 95 % Wilson interval.

    Args:
        count: photos that count.
        of: all photos.
    """

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share, 0..1; 0 of no photos."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper limit, 0..1 (Wilson, 1927); the whole range for no photos."""
        return wilson(self.count, self.of)

    def to_record(self) -> dict[str, Any]:
        """Return the share as a JSON object."""
        low, high = self.interval
        numbers = {"share": self.value, "low": low, "high": high}
        return {"count": self.count, "of": self.of, **{name: round(value, 5) for name, value in numbers.items()}}


def wilson(count: int, of: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a share.

    Args:
        count: successes.
        of: trials.
        z: quantile of the normal distribution.
    """
    if of == 0:
        return 0.0, 1.0
    share = count / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    low, high = (middle - half) / scale, (middle + half) / scale
    return (0.0 if count == 0 else max(0.0, low)), (1.0 if count == of else min(1.0, high))


def measures(answers: Sequence[PhotoAnswer]) -> dict[str, Share]:
    """Return every measure by its name; unreadable photos do not count.

    Names beginning with `absent_` are of photos of nothing, all others of photos whose item is known.
    """
    read = [one for one in answers if one.state != "unreadable"]
    known, absent = [one for one in read if one.item], [one for one in read if not one.item]
    verdicts, of_absent = (Counter(one.verdict for one in part) for part in (known, absent))
    unsure = [one for one in known if one.verdict == "unsure"]
    counts = {
        "found_first": sum(one.place == 1 for one in known),
        "found_in_five": sum(one.place is not None and one.place <= 5 for one in known),
        "right": verdicts["right"],
        "wrong": verdicts["wrong"],
        "unsure": verdicts["unsure"],
        "silent": verdicts["silent"],
        "not_searched": sum(one.state == "not_searched" for one in known),
    }
    shares = {name: Share(count, len(known)) for name, count in counts.items()}
    shares["unsure_shown"] = Share(sum(one.item in one.shown for one in unsure), len(unsure))
    for verdict in ("wrong", "unsure", "silent"):
        shares[f"absent_{verdict}"] = Share(of_absent[verdict], len(absent))
    return shares


@dataclass(frozen=True)
class CurvePoint:
    """Answers if they began at a threshold; None where there is no such photo.

    Args:
        threshold: of the certainty.
        right: share of photos of known items that would be answered right.
        wrong: share of them that would be answered wrong.
        absent: share of photos of nothing that would get an answer.
    """

    threshold: float
    right: float | None
    wrong: float | None
    absent: float | None

    def to_record(self) -> dict[str, float | None]:
        """Return the point as a JSON object."""
        return {name: None if value is None else round(value, 5) for name, value in asdict(self).items()}


def threshold_curve(answers: Sequence[PhotoAnswer]) -> list[CurvePoint]:
    """Return right and wrong answers at thresholds, lowest first, at most 200."""
    read = [one for one in answers if one.state != "unreadable"]
    known, absent = [one for one in read if one.item], [one for one in read if not one.item]
    right = np.sort([one.certainty for one in known if one.candidate == one.item])
    wrong = np.sort([one.certainty for one in known if one.candidate and one.candidate != one.item])
    false = np.sort([one.certainty for one in absent if one.candidate])
    steps = np.unique(np.concatenate([right, wrong, false]))
    if len(steps) > _POINTS:
        steps = steps[np.linspace(0, len(steps) - 1, _POINTS).round().astype(int)]

    def share(values: np.ndarray[Any, Any], step: float, of: int) -> float | None:
        return float(len(values) - np.searchsorted(values, step)) / of if of else None

    return [
        CurvePoint(
            float(step), share(right, step, len(known)), share(wrong, step, len(known)), share(false, step, len(absent))
        )
        for step in steps
    ]


def sign_test(gained: int, lost: int) -> float:
    """Return the two-sided p-value of the sign test: 1 where both are as many.

    Args:
        gained: photos that are right in the second run alone.
        lost: photos that were right in the first run alone.
    """
    total, fewer = gained + lost, min(gained, lost)
    tail = sum(math.comb(total, k) for k in range(fewer + 1))
    return float(min(1.0, 2.0 * tail / 2**total))
