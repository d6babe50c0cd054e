"""Report of photos of one's own: a JSON file, and two of them beside each other."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.evaluation.metrics.answer_quality import (
    CurvePoint,
    PhotoAnswer,
    Share,
    measures,
    sign_test,
    threshold_curve,
)

FORMAT = 1
LABELS = {
    "found_first": "found: its item is the first match",
    "found_in_five": "its item is among the first five",
    "right": "answered right",
    "wrong": "answered wrong",
    "unsure": "unsure",
    "unsure_shown": "  of these, its item is among those shown",
    "silent": "silent",
    "not_searched": "  of all, not searched (the gate was closed)",
    "absent_wrong": "answered, which is wrong",
    "absent_unsure": "unsure",
    "absent_silent": "silent, which is right",
}


@dataclass(frozen=True)
class OwnReport:
    """Answers to photos of one's own.

    Args:
        settings: what was asked, and where; for the reader.
        certainty: what answers are decided by: "probability", "confidence" (of the stage `learned`) or "score".
        answers: one for each photo.
        created: UTC, ISO 8601.
    """

    settings: dict[str, Any]
    certainty: str
    answers: Sequence[PhotoAnswer]
    created: str

    @classmethod
    def of(cls, settings: dict[str, Any], answers: Sequence[PhotoAnswer]) -> OwnReport:
        """Build the report of a run that ends now."""
        scales = Counter(one.scale for one in answers if one.first)
        certainty = scales.most_common(1)[0][0] if scales else "score"
        return cls(settings, certainty, answers, datetime.now(timezone.utc).isoformat(timespec="seconds"))

    @property
    def measures(self) -> dict[str, Share]:
        """Every measure by its name."""
        return measures(self.answers)

    @property
    def curve(self) -> list[CurvePoint]:
        """Right and wrong answers at every threshold."""
        return threshold_curve(self.answers)

    @property
    def answered_from(self) -> float | None:
        """The lowest certainty that was answered; None without an answer."""
        return min((one.certainty for one in self.answers if one.state == "found"), default=None)

    def to_record(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "format": FORMAT,
            "created": self.created,
            "settings": self.settings,
            "certainty": self.certainty,
            "answered_from": self.answered_from,
            "unreadable": sum(one.state == "unreadable" for one in self.answers),
            "measures": {name: share.to_record() for name, share in self.measures.items()},
            "curve": [point.to_record() for point in self.curve],
            "photos": [{**asdict(one), "verdict": one.verdict} for one in self.answers],
        }

    def write(self, file: Path) -> None:
        """Write the report as JSON; a reader sees the old or the new file.

        Raises:
            Unavailable: the file cannot be written.
        """
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self.to_record(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            os.replace(temporary, file)
        except OSError as error:
            raise Unavailable(f"{file} cannot be written ({error}): choose another place.") from error

    @classmethod
    def read(cls, file: Path) -> OwnReport:
        """Read a report.

        Raises:
            InvalidInput: the file is not there, or is no report of `whatsit evaluate own`.
        """
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
            if known["format"] != FORMAT:
                raise ValueError(f"its format is {known['format']}")
            photos = [{key: value for key, value in one.items() if key != "verdict"} for one in known["photos"]]
            answers = [PhotoAnswer.from_record(one) for one in photos]
            return cls(dict(known["settings"]), str(known["certainty"]), answers, str(known["created"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInput(
                f"{file} is no report of 'whatsit evaluate own' ({error}): give a file that its --json wrote."
            ) from error


@dataclass(frozen=True)
class Change:
    """Photos of both reports whose answer changed.

    Args:
        both: photos in both.
        gained: right answers that were not right before.
        lost: answers that were right before.
        false_gained: photos of nothing, or of another item, that are answered wrong now alone.
        false_lost: those that were answered wrong before alone.
    """

    both: int
    gained: int
    lost: int
    false_gained: int
    false_lost: int

    @property
    def chance(self) -> float:
        """Probability of so unequal numbers of right answers by chance (sign test)."""
        return sign_test(self.gained, self.lost)


def compare(before: OwnReport, after: OwnReport) -> Change:
    """Compare the answers to the photos that both reports hold."""
    earlier = {(one.photo, one.item): one.verdict for one in before.answers if one.state != "unreadable"}
    pairs = [
        (earlier[(one.photo, one.item)], one.verdict)
        for one in after.answers
        if one.state != "unreadable" and (one.photo, one.item) in earlier
    ]

    def count(verdict: str, now: bool) -> int:
        return sum((a != verdict and b == verdict) if now else (a == verdict and b != verdict) for a, b in pairs)

    return Change(len(pairs), count("right", True), count("right", False), count("wrong", True), count("wrong", False))
