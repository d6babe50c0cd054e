"""Figures of answers: right, wrong, unsure, and the error of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whatsit.calibration.answer_episodes import Episode
from whatsit.calibration.ranker_training import calibration_error
from whatsit.ranking.answer_features import ANSWER_FEATURES
from whatsit.ranking.main_region import main_region_score
from whatsit.ranking.score import MIN_SCORE


@dataclass(frozen=True)
class AnswerFigures:
    """Shares of photos, 0..1; None where there was no such photo.

    Args:
        known: photos whose item was in the catalogue.
        first: share of them whose item is the first match of the answered region.
        right: share answered rightly.
        wrong: share answered wrongly.
        unsure: share of those that were not answered whose item was shown as one of the closest.
        left_out: photos whose item was taken out.
        left_out_answered: share of them that were answered, wrongly.
        strangers: photos of things that the catalogue never held.
        strangers_answered: share of them that were answered, wrongly.
        coverage: share of known photos answered rightly at the threshold that answers 5 % of the strangers, or of
            those left out where there are no strangers.
        calibration_error: expected calibration error over all photos.
        former_right: share of known photos that the rule up to version 0.2 answered rightly, on the same matches.
        former_wrong: share of them that it answered wrongly.
        former_left_out_answered: share of photos left out that it answered.
        former_strangers_answered: share of strangers that it answered.
    """

    known: int
    first: float | None
    right: float | None
    wrong: float | None
    unsure: float | None
    left_out: int
    left_out_answered: float | None
    strangers: int
    strangers_answered: float | None
    coverage: float | None
    calibration_error: float
    former_right: float | None
    former_wrong: float | None
    former_left_out_answered: float | None
    former_strangers_answered: float | None


def answer_figures(seen: Sequence[Episode]) -> AnswerFigures:
    """Return the figures of one or more episodes."""
    known = [one for one in seen if one.present]
    gone = [one for one in seen if not one.present and not one.stranger]
    strange = [one for one in seen if one.stranger]
    silent = [one for one in known if not one.answer.found]
    said = np.array([one.answer.probability for one in seen])
    right = np.array([one.answer_right for one in seen])
    return AnswerFigures(
        len(known),
        _share(one.answer_right for one in known),
        _share(one.answer_right and one.answer.found for one in known),
        _share(not one.answer_right and one.answer.found for one in known),
        _share(one.answer.state == "unsure" and one.answer_shown for one in silent),
        len(gone),
        _share(one.answer.found for one in gone),
        len(strange),
        _share(one.answer.found for one in strange),
        _coverage(known, strange or gone),
        calibration_error(said, right),
        _share(former_rule(one) is True for one in known),
        _share(former_rule(one) is False for one in known),
        _share(former_rule(one) is not None for one in gone),
        _share(former_rule(one) is not None for one in strange),
    )


def former_rule(one: Episode) -> bool | None:
    """Return whether the rule up to version 0.2 was right; None where it was silent.

    It answered for the region that counted most as the main one, of those with a score of 1.08.
    """
    scores, sides = (one.features[:, ANSWER_FEATURES.index(name)] for name in ("score", "region_side"))
    enough = np.flatnonzero(scores >= MIN_SCORE)
    if not len(enough):
        return None
    best = enough[np.argmax(np.asarray(main_region_score(scores, sides**2))[enough])]
    return bool(one.right[best])


def reliability(seen: Sequence[Episode], bins: int = 10) -> list[tuple[float, float, int]]:
    """Return each bin's mean probability, share right and number of photos."""
    said = np.array([one.answer.probability for one in seen])
    right = np.array([one.answer_right for one in seen])
    places = np.minimum((said * bins).astype(np.int64), bins - 1)
    return [
        (float(said[places == b].mean()), float(right[places == b].mean()), int((places == b).sum()))
        for b in np.unique(places).tolist()
    ]


def _coverage(known: Sequence[Episode], others: Sequence[Episode], accepted: float = 0.05) -> float | None:
    if not known or not others:
        return None
    limit = np.quantile([one.answer.probability for one in others], 1 - accepted)
    return _share(one.answer_right and one.answer.probability > limit for one in known)


def _share(of: object) -> float | None:
    values = [bool(one) for one in of]  # type: ignore[attr-defined]
    return sum(values) / len(values) if values else None
