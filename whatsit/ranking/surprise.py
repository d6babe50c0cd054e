"""The stage `surprise`: drop categories that are rare among the matches."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches

# -ln(1/10) = 2.30 < 2.5 < 2.71 = -ln(2/30): a list of ten never loses its single right match, and of 30 matches the
# two toys beside 20 drinks and 8 cups go.
THRESHOLD = 2.5


@dataclass(frozen=True)
class Surprise:
    """Drop the categories whose surprise -ln(n_c / N) is above the threshold.

    n_c of the N matches that have a category are of category c. Three rules keep the stage from harm:
    with C categories the threshold is at least ln C, the surprise of an even split, so that a list without any
    majority stays whole; the category of the best match stays; items without a category stay and do not count.

    Args:
        threshold: in nats, above 0.

    Raises:
        InvalidInput: it is not.
    """

    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        if not self.threshold > 0.0:
            raise InvalidInput(f"The threshold of 'surprise' is above 0, not {self.threshold}.")

    def __call__(self, matches: Matches) -> Matches:
        """Return the re-ranked matches."""
        counts = Counter(category for category in matches.categories if category)
        if len(counts) < 2:
            return matches
        total = sum(counts.values())
        # The margin is for rounding: an even split must not be above its threshold.
        threshold = max(self.threshold, math.log(len(counts))) + 1e-9
        best = matches.categories[int(matches.rerank_scores.argmax())]
        kept = {c for c, count in counts.items() if -math.log(count / total) <= threshold} | {best, ""}
        return matches.take([i for i, category in enumerate(matches.categories) if category in kept])
