"""Fit of the answer's model to episodes of several domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.calibration.answer_episodes import Episode
from whatsit.ranking.answer_model import LIMIT, AnswerModel
from whatsit.ranking.matches import Floats

# Inverse of the L2 penalty, with features in standard deviations.
STRENGTH = 0.3
# The whole picture's row counts as much as this many regions.
WHOLE = 2.0


def fit_answer_model(domains: Mapping[str, Sequence[Episode]]) -> AnswerModel:
    """Fit the logistic regressions of the model.

    The rows of a photo share its weight, and a domain's weight grows with the root of its photos: a domain of many
    photos says more, and none of them speaks for all.

    Args:
        domains: name -> episodes.

    Raises:
        InvalidInput: all matches are right, or all wrong.
        Unavailable: scikit-learn is missing.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ModuleNotFoundError as error:
        raise Unavailable("Fitting the answer needs scikit-learn: pip install 'whatsit[train]'.") from error
    features, alone, right, shown, weights = _rows(domains)
    if right.all() or not right.any():
        raise InvalidInput("The photos' items are always found first, or never: there is nothing to fit.")
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)

    def fit(rows: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        x = np.clip((rows - mean) / scale, -LIMIT, LIMIT)
        fits = [
            LogisticRegression(C=STRENGTH, max_iter=3000).fit(x, target, sample_weight=weights)
            for target in (right, shown)
        ]
        return np.stack([one.coef_[0] for one in fits], axis=1), np.array([one.intercept_[0] for one in fits])

    return AnswerModel(mean.astype(np.float64), scale.astype(np.float64), *fit(features), *fit(alone))


def _rows(
    domains: Mapping[str, Sequence[Episode]],
) -> tuple[Floats, Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    kept, weights = [], []
    for of in domains.values():
        seen = [one for one in of if len(one.features)]
        kept += seen
        photos = len({one.photo for one in of})
        weights += [np.where(one.whole, WHOLE, 1.0) / (len(one.whole) + 1) / np.sqrt(photos) for one in seen]
    if not kept:
        raise InvalidInput("No photo has a match: there is nothing to fit.")
    weight = np.concatenate(weights)
    return (
        np.concatenate([one.features for one in kept]),
        np.concatenate([one.alone for one in kept]),
        np.concatenate([one.right for one in kept]),
        np.concatenate([one.shown for one in kept]),
        weight * len(weight) / weight.sum(),
    )
