"""The answer voted from the matches, or "not in the catalogue"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Answer

from whatsit.ranking.main_region import main_region_score
from whatsit.ranking.matches import Matches
from whatsit.ranking.score import MIN_SCORE

# A match this much below the best score has 1/e of its vote.
VOTE_SCALE = 0.1
# Of a calibrated probability: more likely right than wrong.
MIN_CONFIDENCE = 0.5


def answer(
    regions: Sequence[Matches],
    records: Mapping[int, Mapping[str, Any]],
    min_score: float = MIN_SCORE,
    areas: Sequence[float] | npt.NDArray[np.float32] | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Answer:
    """Return the voted title, brand and category of the main region.

    The region is the one whose best score r counts most as `main_region_score` weighs it (the first of equals), of
    those with r of at least `min_score`. Each of its matches has the vote exp((score - best) / `VOTE_SCALE`); a stage
    may have replaced the scores here. The category with most votes wins, then, among its items, the brand with most
    votes; those items are behind the answer, and the first of them, in the order that the stages left, gives title and
    image. So the fields never contradict each other. Having no category, or no brand, is voted for like a name.

    Where the stage `learned` ran, its probability c of the first match replaces r: a region needs c of
    `min_confidence`, the one whose c counts most is answered for, its matches are voted for with c, and the confidence
    is c of the best item behind the answer.

    Otherwise confidence = strength * agreement, where strength = (r - min_score) / (2 - min_score) says how alike the
    best match is, and agreement is the share of all votes that the items behind the answer hold. That is no calibrated
    probability.

    Args:
        regions: one `Matches` per region after all stages, region 0 first.
        records: item number -> record with `id`, `title`, `brand`, `image`; must hold every matched item.
        min_score: a best match below it is no answer, 0..2.
        areas: share of the picture's area of each region, 0..1; None where all count the same.
        min_confidence: a best probability below it is no answer, 0..1.

    Returns:
        `Answer`; `found` is False where no region has a match of `min_score`.
    """
    learned = any(matches.confidences is not None for matches in regions)
    best_scores = [_best(matches.confidences if learned else matches.scores) for matches in regions]
    # The float32 nearest to the threshold, as in `score`.
    needed = np.float32(min_confidence if learned else min_score)
    candidates = [index for index, score in enumerate(best_scores) if score >= needed]
    if not candidates:
        return Answer(found=False)
    shares = [1.0] * len(regions) if areas is None else areas
    region = max(candidates, key=lambda index: float(main_region_score(best_scores[index], shares[index])))
    matches, best_score = regions[region], best_scores[region]

    votes = np.exp((matches.rerank_scores.astype(np.float64) - float(matches.rerank_scores.max())) / VOTE_SCALE)
    if matches.confidences is not None:
        votes = matches.confidences.astype(np.float64)
    items = [records[int(number)] for number in matches.numbers]
    behind = list(range(len(matches)))
    brands = [_text(item, "brand") for item in items]
    category = _most_voted(matches.categories, votes, behind)
    behind = [i for i in behind if matches.categories[i] == category]
    brand = _most_voted(brands, votes, behind)
    behind = [i for i in behind if brands[i] == brand]

    strength = (best_score - min_score) / (2.0 - min_score) if min_score < 2.0 else 1.0
    agreement = float(votes[behind].sum() / votes.sum())
    confidence = min(max(strength, 0.0), 1.0) * agreement
    if matches.confidences is not None:
        confidence = float(matches.confidences[behind].max())
    return Answer(
        found=True,
        title=_text(items[behind[0]], "title"),
        brand=brand,
        category=category,
        image=_text(items[behind[0]], "image"),
        confidence=round(confidence, 4),
        ids=tuple(str(items[i]["id"]) for i in behind),
        region=region,
    )


def _best(values: npt.NDArray[np.float32] | None) -> float:
    return float(values.max()) if values is not None and len(values) else -1.0


def _most_voted(names: Sequence[str], votes: npt.NDArray[np.float64], among: Sequence[int]) -> str:
    """Return the name with the largest sum of votes; the first of equals."""
    totals: dict[str, float] = defaultdict(float)
    for i in among:
        totals[names[i]] += float(votes[i])
    return max(totals, key=lambda name: totals[name])


def _text(record: Mapping[str, Any], field: str) -> str:
    return str(record.get(field) or "")
