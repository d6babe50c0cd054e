"""Geometry: two pictures of one print agree, look-alikes do not, and what follows for the order."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking.geometry import FEWEST, PROOF, Geometry
from whatsit.ranking.matches import Matches
from whatsit.ranking.verification import inliers, ratio_matches, verify, verify_all
from whatsit.vision.local_features import LocalFeatures, extract


def label(seed: int) -> np.ndarray:
    """A label of random words: what two labels share is the typeface."""
    rng = np.random.default_rng(seed)
    page = np.full((320, 240, 3), 245, dtype=np.uint8)
    for line in range(9):
        word = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ0123456789"), size=9))
        colour = tuple(int(v) for v in rng.integers(0, 120, 3))
        cv2.putText(page, word, (10, 35 + 32 * line), cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.7, 1.1), colour, 2)
    return page


def photo(page: np.ndarray, seed: int) -> np.ndarray:
    """The page turned, slanted and smaller, on grey."""
    rng = np.random.default_rng([seed, 1])
    corners = np.array([[0, 0], [240, 0], [240, 320], [0, 320]], dtype=np.float32)
    turned = corners * 0.9 + 60 + rng.uniform(-18, 18, size=(4, 2))
    matrix = cv2.getPerspectiveTransform(corners, turned.astype(np.float32))
    return cv2.warpPerspective(page, matrix, (340, 420), borderValue=(128, 128, 128))


PAGES = [extract(label(seed)) for seed in range(6)]


def test_a_photo_agrees_with_its_own_label_alone() -> None:
    for seed, page in enumerate(PAGES):
        seen = extract(photo(label(seed), seed))
        others = [inliers(seen, other) for i, other in enumerate(PAGES) if i != seed]
        assert inliers(seen, page) >= 2 * PROOF
        assert max(others) < inliers(seen, page) / 2


def test_spread_is_the_hulls_share_of_the_region() -> None:
    page = label(3)
    alone = extract(page)
    framed = np.full((640, 480, 3), 128, dtype=np.uint8)
    framed[160:480, 120:360] = page  # a quarter of the area
    whole, quarter = verify(alone, PAGES[3]).spread, verify(extract(framed), PAGES[3]).spread
    assert 0.5 < whole <= 1.0
    assert 0.0 < quarter < 0.25
    assert verify(LocalFeatures.none(), PAGES[3]).spread == 0.0


def test_nothing_agrees_with_a_mirror_image_or_with_nothing() -> None:
    mirrored = extract(np.ascontiguousarray(label(0)[:, ::-1]))
    assert inliers(mirrored, PAGES[0]) < PROOF
    assert inliers(LocalFeatures.none(), PAGES[0]) == inliers(PAGES[0], LocalFeatures.none()) == 0


def test_the_ratio_test_is_lowes() -> None:
    rng = np.random.default_rng(0)
    query, picture = (rng.normal(size=(n, 128)).astype(np.float32) for n in (30, 20))
    query[:10] = picture[:10] + rng.normal(size=(10, 128)) * 0.1
    query[10] = picture[3] + rng.normal(size=128) * 0.2  # a second claim on the same row, from farther away
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    picture /= np.linalg.norm(picture, axis=1, keepdims=True)
    expected = {}
    for i, row in enumerate(query):
        gaps = np.linalg.norm(picture - row, axis=1)
        nearest, second = np.argsort(gaps)[:2]
        if gaps[nearest] < 0.8 * gaps[second]:
            expected[int(nearest)] = min(expected.get(int(nearest), (9.0, -1)), (float(gaps[nearest]), i))
    found = {int(row): int(i) for i, row in ratio_matches(query, picture)}
    assert found == {row: i for row, (_, i) in expected.items()}
    assert found[3] == 3


@dataclass
class Shelf:
    """SearchContext in which item i has the label i."""

    features: LocalFeatures
    shortlist: Matches
    asked: list[int] = field(default_factory=list)

    def by_words(self, k: int) -> Matches:
        return self.shortlist.first(k)

    def pictures(self, number: int, most: int) -> list[LocalFeatures]:
        self.asked.append(number)
        return [PAGES[number]]


def matches(numbers: list[int], scores: list[float], context: Shelf | None = None) -> Matches:
    return Matches(np.array(numbers), np.array(scores, dtype=np.float32), ("",) * len(numbers), context=context)  # type: ignore[arg-type]  # a test needs only what geometry asks


def test_inliers_raise_the_score_and_are_kept_as_evidence() -> None:
    seen = extract(photo(label(2), 2))
    shelf = Shelf(seen, matches([], []))
    found = Geometry()(matches([0, 1, 2], [1.3, 1.25, 1.2], shelf))
    assert found.numbers[0] == 2
    assert found.inliers is not None
    counts = {number: inliers(seen, PAGES[number]) for number in range(3)}
    counts = {number: count if count >= FEWEST else 0 for number, count in counts.items()}
    assert dict(zip(found.numbers.tolist(), found.inliers.tolist(), strict=True)) == counts
    assert found.spread is not None
    assert [spread > 0 for spread in found.spread] == [count > 0 for count in found.inliers]
    assert found.first(1).spread == found.spread[:1]
    for number, score, reranked in zip(found.numbers, found.scores, found.rerank_scores, strict=True):
        proved = 0.5 * (counts[number] >= max(PROOF, max(counts.values()) / 2))
        assert reranked == pytest.approx(score + 0.005 * min(counts[number], 100) + proved, abs=1e-5)


def test_print_lets_in_what_the_vector_missed() -> None:
    seen = extract(photo(label(4), 4))
    shelf = Shelf(seen, matches([5, 4, 1], [0.2, 0.3, 0.4]))
    found = Geometry()(matches([0, 1], [1.1, 1.0], shelf))
    assert set(found.numbers.tolist()) == {0, 1, 4}
    assert found.scores[found.numbers.tolist().index(4)] == np.float32(0.3)


def test_it_is_off_without_texture_and_stops_in_time() -> None:
    bare = Shelf(LocalFeatures.none(), matches([3], [0.2]))
    given = matches([0, 1], [1.1, 1.0], bare)
    assert Geometry()(given) is given
    busy = Shelf(extract(photo(label(1), 1)), matches([], []))
    found = Geometry(seconds=1e-9)(matches([0, 1, 2, 3, 4, 5, 10], [1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1.0], busy))
    assert busy.asked == [0, 1, 2, 3, 4, 5]
    assert found.numbers.tolist()[0] == 1


def test_nothing_is_compared_behind_a_match_beyond_doubt() -> None:
    shelf = Shelf(PAGES[0], matches([0, 1, 2, 3, 4, 5], [0.1] * 6))
    found = Geometry(seconds=60)(matches([1, 2, 3, 10, 11], [1.3, 1.2, 1.1, 1.0, 0.9], shelf))
    assert shelf.asked == [0, 1, 2, 3, 4, 5]
    assert set(found.numbers.tolist()) == {0, 1, 2, 3, 10, 11}


def test_pictures_compared_at_once_agree_as_one_by_one() -> None:
    seen = extract(photo(label(2), 2))
    others = [*PAGES, LocalFeatures.none()]
    assert verify_all(seen, others) == [verify(seen, other) for other in others]


def test_at_most_so_many_are_verified() -> None:
    shelf = Shelf(PAGES[0], matches([5, 4], [0.1, 0.1]))
    Geometry(candidates=1, seconds=60)(matches([0, 1, 2], [1.3, 1.2, 1.1], shelf))
    assert shelf.asked == [5, 0]  # the one with most words first


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"candidates": 0}, {"seconds": 0.0}, {"weight": float("nan")}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="geometry"):
        Geometry(**wrong)  # type: ignore[arg-type]  # numbers of either kind
