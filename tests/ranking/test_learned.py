"""The features of a match, each computed again by hand, and what a probability does to order and answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking import Matches, compose
from whatsit.ranking.learned import FEATURES, Learned, features


def named(gallery: Any) -> Matches:
    """The gallery's twelve matches in three categories, one without any, with some inliers."""
    matches = gallery.matches()
    categories = tuple(("a", "b", "")[i % 3] for i in range(len(matches)))
    return Matches(matches.numbers, matches.scores, categories, context=gallery, inliers=np.arange(len(matches)) * 3)


def column(matches: Matches, name: str) -> np.ndarray:
    return features(matches)[:, FEATURES.index(name)]


def test_each_feature_is_what_its_name_says(gallery: Any) -> None:
    matches = named(gallery)
    scores, inliers = matches.scores.astype(float), np.asarray(matches.inliers, dtype=float)
    n = len(matches)
    np.testing.assert_allclose(column(matches, "rank"), scores, atol=1e-6)
    np.testing.assert_allclose(column(matches, "below_best"), scores - scores.max(), atol=1e-6)
    ten = np.sort(scores)[::-1][:10]
    np.testing.assert_allclose(column(matches, "above_mean"), scores - ten.mean(), atol=1e-6)
    np.testing.assert_allclose(column(matches, "log_inliers"), np.log(1 + inliers), atol=1e-6)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        assert column(matches, "ahead_of_best_other")[i] == pytest.approx(scores[i] - scores[others].max(), abs=1e-6)
        ahead = np.log1p(inliers[i]) - np.log1p(inliers[others]).max()
        assert column(matches, "log_inliers_ahead_of_best_other")[i] == pytest.approx(ahead, abs=1e-6)
        votes = np.exp((scores - scores.max()) / 0.1)
        own = [matches.categories[j] == matches.categories[i] for j in range(n)]
        share = votes[own].sum() / votes.sum() if matches.categories[i] else 0.0
        assert column(matches, "category_share")[i] == pytest.approx(share, abs=1e-5)
    assert (column(matches, "has_texture") == 0).all()
    assert (column(matches, "region_area") == 1).all()


def test_the_reciprocal_margin_says_who_has_closer_company(gallery: Any) -> None:
    matches = named(gallery)
    closest = np.argsort(-matches.scores, kind="stable")[:10]
    for i in range(len(matches)):
        expected = 0.0
        if i in closest:
            others = [j for j in closest if j != i]
            company = np.linalg.norm(gallery.rows[others] - gallery.rows[i], axis=1).min()
            expected = company - np.linalg.norm(gallery.rows[i] - gallery.query)
        assert column(matches, "reciprocal_margin")[i] == pytest.approx(expected, abs=1e-3)


def test_a_lone_match_has_features_too(gallery: Any) -> None:
    lone = named(gallery).first(1)
    assert np.isfinite(features(lone)).all()
    assert column(lone, "ahead_of_best_other")[0] == pytest.approx(lone.scores[0])
    assert Learned(lambda known: known[:, 0])(lone.first(0)).confidences is None


def test_probabilities_order_and_ranks_stay(gallery: Any) -> None:
    matches = named(gallery)
    found = Learned(lambda known: known[:, FEATURES.index("log_inliers")] / 4)(matches)
    assert found.confidences is not None
    assert found.numbers.tolist() == matches.numbers[np.argsort(-np.asarray(matches.inliers))].tolist()
    np.testing.assert_allclose(found.confidences[0], np.log(1 + 33) / 4, atol=1e-6)
    by_number = dict(zip(matches.numbers.tolist(), matches.scores.tolist(), strict=True))
    assert [by_number[number] for number in found.numbers.tolist()] == found.scores.tolist()


def test_without_a_trained_ranker_the_stage_is_refused() -> None:
    with pytest.raises(InvalidInput, match="train ranker"):
        compose("learned")
