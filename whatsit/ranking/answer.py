"""The answer: the item that a picture shows, and how probably."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from whatsit_client.types import Answer, RegionAnswer

from whatsit.ranking.answer_features import FLOOR, answer_features
from whatsit.ranking.answer_model import FOUND, SHOWN, UNSURE, AnswerModel
from whatsit.ranking.matches import Floats, Matches

# A code that an item has and the picture shows; a shop may still have it wrong.
CODE_PROBABILITY = 0.99
# Logits for a first match whose text explains all words that were read while no other's explains one.
WORDS = 4.0
# Less of the words than this may be explained by chance.
EXPLAINED = 0.2
# Scores that are this close are equal: the closest two items of a catalogue differ by more from photo to photo.
EQUAL = 0.02
# Inliers with which a print has been looked for and found in another picture of the same look.
PRINTED = 8
# Below this score two pictures of anything are as alike.
NEAR = 1.05


@dataclass(frozen=True)
class AnswerRule:
    """How an answer is decided.

    Args:
        model: of the probability.
        found: probability that an answer needs, 0..1.
        found_by_ranker: the same where the stage `learned` ran, 0..1.
        unsure: probability that the right item is among the first three, below which nothing is shown as likely, 0..1.
        calibrated: whether the model was adapted to this catalogue.
        floor: matches below it are not in the lists, 0..2.
    """

    model: AnswerModel
    found: float = FOUND
    found_by_ranker: float = FOUND
    unsure: float = UNSURE
    calibrated: bool = False
    floor: float = FLOOR


def answer(regions: Sequence[Matches], records: Mapping[int, Mapping[str, Any]], rule: AnswerRule) -> Answer:
    """Return what a picture shows.

    Each region has the probability p that its first match is what the picture shows, of all evidence that ran (see
    `answer_features`), and the probability that the right item is among its first three. Where the stage `learned`
    ran, its probabilities replace the model's; a code that was read and is the item's gives `CODE_PROBABILITY`. The
    region with the highest p is the answered one. With p of `rule.found` its first match is the answer; else, where
    the right item is probably among the first three, the state is "unsure" and these are `closest`; else it is
    "not_found". Every other region is judged as a picture by itself: a thing in a scene need not be what the picture
    shows.

    Args:
        regions: one `Matches` per region after all stages, region 0 first.
        records: item number -> record with `id`, `title`, `brand`, `image`; must hold every matched item.
        rule: model and thresholds.
    """
    verdicts = [_verdict(matches, *_judge([matches], rule, alone=True)[0], rule) for matches in regions]
    if not any(len(matches) for matches in regions):
        return Answer(
            found=False, state="not_found", reason="nothing_near", calibrated=rule.calibrated, regions=tuple(verdicts)
        )
    judged = _judge(regions, rule)
    region = max(range(len(regions)), key=lambda index: (len(regions[index]) > 0, judged[index][0]))
    matches = regions[region]
    verdict = verdicts[region] = _verdict(matches, *judged[region], rule)
    shown = [records[int(number)] for number in matches.numbers[:SHOWN]]
    known: dict[str, Any] = {
        "state": verdict.state,
        "reason": verdict.reason,
        "probability": verdict.probability,
        "closest": tuple(str(record["id"]) for record in shown),
        "region": region,
        "calibrated": rule.calibrated,
        "regions": tuple(verdicts),
    }
    if verdict.state != "found":
        return Answer(found=False, **known)
    return Answer(
        found=True,
        title=_text(shown[0], "title"),
        brand=_text(shown[0], "brand"),
        category=matches.categories[0],
        image=_text(shown[0], "image"),
        confidence=verdict.probability,
        ids=_same_kind(matches, records),
        **known,
    )


def not_searched(regions: int) -> Answer:
    """Return the answer of a picture that the gate closed out."""
    verdict = RegionAnswer("not_searched", 0.0, "gate")
    return Answer(found=False, state="not_searched", reason="gate", regions=(verdict,) * regions)


def _judge(regions: Sequence[Matches], rule: AnswerRule, alone: bool = False) -> list[tuple[float, float]]:
    """Return each region's probabilities: of its first match, of its first three."""
    words = WORDS * np.array([_ahead(one) for one in regions])
    first, shown = rule.model(answer_features(regions, rule.floor), words, alone)
    judged = []
    for index, matches in enumerate(regions):
        p, q = (float(first[index]), float(shown[index])) if len(matches) else (0.0, 0.0)
        if matches.confidences is not None and len(matches):
            p = float(matches.confidences[0])
            q = max(p, min(float(matches.confidences[:SHOWN].sum()), 1.0))
        if matches.codes is not None and len(matches) and matches.codes[0]:
            p = max(p, CODE_PROBABILITY / matches.codes.count(matches.codes[0]))  # items may share a code
            q = CODE_PROBABILITY
        judged.append((p, q))
    return judged


def _ahead(matches: Matches) -> float:
    """Return how much more of the words the first match explains than others, 0..1.

    It is a share of what the first explains: most print on a thing is in no title.
    """
    if matches.words is None or not len(matches):
        return 0.0
    own, other = float(matches.words[0]), float(matches.words[1:].max(initial=0.0))
    return (own - other) / max(own, EXPLAINED)


def _verdict(matches: Matches, first: float, shown: float, rule: AnswerRule) -> RegionAnswer:
    if not len(matches):
        return RegionAnswer("not_found", 0.0, "nothing_near")
    # The float32 nearest to the threshold, as in `score`.
    needed = rule.found if matches.confidences is None else rule.found_by_ranker
    state = "found" if np.float32(first) >= np.float32(needed) else "unsure" if shown >= rule.unsure else "not_found"
    return RegionAnswer(state, round(first, 4), _reason(matches, state))


def _reason(matches: Matches, state: str) -> str:
    """Return which evidence decided, one of `whatsit_client.types.REASONS`."""
    inliers = 0 if matches.inliers is None else int(matches.inliers[0])
    others = 0 if matches.inliers is None else int(matches.inliers[1:].max(initial=0))
    if matches.codes is not None and matches.codes[0]:
        return "code"
    if state == "found":
        words = 0.0 if matches.words is None else float(matches.words[0])
        return "print" if inliers >= PRINTED and inliers > others else "words" if words >= 0.5 else "look"
    if len(matches) > 1 and _close(matches.rerank_scores) and others * 2 >= inliers:
        return "equally_likely"
    if float(matches.scores[0]) < NEAR:
        return "nothing_near"
    textured = matches.context is not None and len(matches.context.features) > 0
    if matches.inliers is not None and textured and inliers < PRINTED:
        return "print_differs"
    return "not_sure"


def _close(scores: Floats) -> bool:
    return float(scores[0] - scores[1]) < EQUAL


def _same_kind(matches: Matches, records: Mapping[int, Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the ids of the matches of the first one's category and brand."""
    items = [records[int(number)] for number in matches.numbers]
    brand, category = _text(items[0], "brand"), matches.categories[0]
    return tuple(
        str(item["id"])
        for item, of in zip(items, matches.categories, strict=True)
        if of == category and _text(item, "brand") == brand
    )


def _text(record: Mapping[str, Any], field: str) -> str:
    return str(record.get(field) or "")
