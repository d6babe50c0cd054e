"""Choice of the regions of a picture that `auto` compares point by point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from whatsit.ranking.matches import Matches

# Corners in the patch of a region: words and drawings have hundreds, fruit and plain cloth tens. At 200 geometry ran
# on 44 of 100 mixed photos, 19 of them of prints.
TEXTURE = 280
# Of look-alikes it takes fewer: the vectors have said already that this is a line of prints, and not which one.
TIED_TEXTURE = 60
TIE, TIE_SCORE = 0.05, 1.1
# A best match of this score, this far ahead of the next item, is right whatever the print says.
CLEAR_SCORE, CLEAR_MARGIN = 1.3, 0.1
# A clear region of this share of the picture answers for it.
LARGE = 0.25
# Of one picture; each costs some 40 ms of one core.
MOST = 1
# The whole picture counts as a region of this area and a detector that is sure: a thing that fills less is seen
# better in a region of its own.
WHOLE = 0.2


def choose_prints(regions: Sequence[Matches]) -> list[Matches]:
    """Take the local features of those regions where geometry pays.

    A region is textured (see `TEXTURE`), and its matches by vector are in doubt (see `CLEAR_SCORE`). Of those, the
    `MOST` are chosen that have look-alikes, then those with the largest product of detector score and root of the
    area; the others have no features afterwards.

    Args:
        regions: the matches by vector of each region of one picture, region 0 the whole.

    Returns:
        The same matches with contexts that have their features, or none.
    """
    known = [i for i, matches in enumerate(regions) if matches.context is not None]
    chosen: list[int] = []
    if not any(_is_clear(regions[i]) and _area(regions[i], whole=i == 0) >= LARGE for i in known):
        doubtful = [i for i in known if not _is_clear(regions[i])]
        for i in sorted(doubtful, key=lambda i: (not _is_tied(regions[i]), -_weight(regions[i], whole=i == 0))):
            needed = TIED_TEXTURE if _is_tied(regions[i]) else TEXTURE
            if len(chosen) < MOST and regions[i].search_context.texture >= needed:
                chosen.append(i)
    return [
        matches if matches.context is None else replace(matches, context=matches.context.with_features(i in chosen))
        for i, matches in enumerate(regions)
    ]


def _best_two(matches: Matches) -> tuple[float, float]:
    """Return the best two scores, 0 where there are fewer."""
    scores = [*np.sort(matches.scores)[::-1][:2].tolist(), 0.0, 0.0]
    return scores[0], scores[1]


def _is_clear(matches: Matches) -> bool:
    first, second = _best_two(matches)
    return first >= CLEAR_SCORE and first - second >= CLEAR_MARGIN


def _is_tied(matches: Matches) -> bool:
    first, second = _best_two(matches)
    return first >= TIE_SCORE and first - second < TIE


def _area(matches: Matches, *, whole: bool) -> float:
    return 1.0 if whole else matches.search_context.area


def _weight(matches: Matches, *, whole: bool) -> float:
    context = matches.search_context
    return float(np.sqrt(WHOLE)) if whole else context.score * float(np.sqrt(context.area))
