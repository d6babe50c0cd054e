"""The stage `category_order`: order by category first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from whatsit.ranking.matches import Matches


def category_order(matches: Matches) -> Matches:
    """Order categories by the sum of 1/position of their items.

    Items of a category are ordered by score.

    Position 1 is the best score as earlier stages left it. Of two categories with equal sums
    the one with the better first item leads. An item without a category is a separate category, so a catalogue
    without categories stays in the order of score.
    """
    by_score = sorted(range(len(matches)), key=lambda i: -matches.rerank_scores[i])
    members: dict[Hashable, list[int]] = defaultdict(list)
    scores: dict[Hashable, float] = defaultdict(float)
    for position, i in enumerate(by_score, start=1):
        category = matches.categories[i] or i
        members[category].append(i)
        scores[category] += 1.0 / position
    # Both sorts are stable and the dictionaries were filled by score: ties go to the better first item.
    return matches.take([i for category in sorted(members, key=lambda c: -scores[c]) for i in members[category]])
