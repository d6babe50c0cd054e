"""One decision of cleaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# The last three are of people alone: boxes of things in pictures, and photos of visitors.
Step = Literal["duplicates", "denoise", "merge", "boxes", "crops", "crop_boxes", "unanswered"]
# `kept` and `reported` change nothing; they say what was weighed. Of those behind `merged`, which only people give,
# `different`, `right`, `unclear`, `useless` and `not_for_sale` deny what was proposed, so that it is not asked again.
Verdict = Literal[
    "kept",
    "reported",
    "dropped",
    "merged",
    "different",
    "right",
    "unclear",
    "labelled",
    "assigned",
    "created",
    "not_for_sale",
    "useless",
]


@dataclass(frozen=True)
class Decision:
    """A verdict on a picture or an item.

    Args:
        step: of cleaning, or the queue of a review.
        verdict: `kept`, `dropped` (a picture is hidden), `merged` (an item is found as another), `reported`, or one of
            a review.
        item: id of the item, or of the picture's item.
        sha256: of the picture's file; None where the item is meant.
        other_item: id of the item that it is compared with, or merged into.
        other_sha256: of the picture that it is compared with.
        reason: a sentence with the numbers that decided.
        figures: the same numbers by name.
    """

    step: Step
    verdict: Verdict
    item: str
    sha256: str | None
    other_item: str | None
    other_sha256: str | None
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def subject(self) -> tuple[Step, str, str | None]:
        """Return what the decision is about: step, item and picture."""
        return self.step, self.item, self.sha256

    def to_record(self) -> dict[str, Any]:
        """Return the decision as a JSON object."""
        return asdict(self)
