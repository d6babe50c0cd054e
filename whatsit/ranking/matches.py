"""Matches of one region, the value that every ranking stage takes and returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.vision.local_features import LocalFeatures

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


class SearchContext(Protocol):
    """Source of matches for one region, used only by stages that need it."""

    @property
    def query(self) -> Floats:
        """The region's embedding, f32 [D], unit length."""

    def vectors(self, numbers: Numbers) -> Floats:
        """Return each item's stored vector that is nearest to the query.

        Items are int64 [K], vectors f32 [K,D].
        """

    def search_from(self, vector: Floats) -> Matches:
        """Search again with another unit vector f32 [D], same filter and threshold.

        Returns:
            As many items as the first search asked for, less those whose score is below the threshold. `scores` are
            those of the query, `rerank_scores` are 2 - distance to `vector`, best score first.
        """

    @property
    def features(self) -> LocalFeatures:
        """The region's local features; none where they were not taken."""

    @property
    def texture(self) -> int:
        """Return the number of corners in the region, 0 where it is unknown."""

    def with_features(self, wanted: bool) -> SearchContext:
        """Return this context with the region's local features, or with none."""

    @property
    def area(self) -> float:
        """The region's share of the picture's area, 0..1."""

    @property
    def score(self) -> float:
        """Detector score of the region, 0..1; 1 for the whole picture and a caller's box."""

    def by_words(self, k: int) -> Matches:
        """Return at most k items that share most visual words with the region, best first.

        Their scores may lie below the threshold. None where the catalogue has no visual words.
        """

    def has_text(self) -> bool:
        """Return whether the region looks like print that can be read."""

    def read_words(self) -> tuple[str, ...]:
        """Return the lines of text in the region, read when first asked for."""

    def by_text(self, words: Sequence[str], k: int) -> Matches:
        """Return at most k items whose text holds any of the words, best first.

        Their scores may lie below the threshold. None where the catalogue has no text index.
        """

    def texts(self, numbers: Numbers) -> list[tuple[str, str]]:
        """Return each item's title, and its brand and short attributes."""

    def pictures(self, number: int, most: int) -> list[LocalFeatures]:
        """Return an item's local features, of pictures that share most words first."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Catalogue items similar to one region, best first.

    Args:
        numbers: int64 [K], item numbers, each at most once.
        scores: f32 [K], 2 - distance, 0..2: how alike the pictures are. No stage changes it.
        categories: K names, "" where an item has none.
        rescored: f32 [K], what a stage orders by instead of the scores; None while no stage has.
        context: vectors and index for stages that need more than scores; None where there are none.
        inliers: int64 [K], verified local features per item; None where `geometry` did not run.
        spread: f32 [K], 0..1, share of the region's area that the convex hull of an item's inliers covers, 0 where it
            has none; None where `geometry` did not run.
        confidences: f32 [K], 0..1, probability per item; None where `learned` did not run.
        codes: K codes that were read off the picture and are the item's, "" for an item that has none of them; None
            where no code of any item was read.
        words: f32 [K], 0..1, share of the read words' characters that the item's text explains; None where `read` did
            not run, or read nothing.
        matched_words: K lists of the words that were read and are the item's; None where `words` is.

    Raises:
        InvalidInput: they do not have the same length.
    """

    numbers: Numbers
    scores: Floats
    categories: tuple[str, ...]
    rescored: Floats | None = None
    context: SearchContext | None = None
    inliers: Numbers | None = None
    confidences: Floats | None = None
    spread: Floats | None = None
    codes: tuple[str, ...] | None = None
    words: Floats | None = None
    matched_words: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.categories),)
        if self.numbers.shape != shape or self.scores.shape != shape or self.rerank_scores.shape != shape:
            raise InvalidInput(
                f"Matches need as many numbers {self.numbers.shape} as scores {self.scores.shape}, "
                f"rerank scores {self.rerank_scores.shape} and categories ({len(self.categories)})."
            )

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def rerank_scores(self) -> Floats:
        """Return the scores to order by, f32 [K].

        They are those of the last stage that rescored, else `scores`.
        """
        return self.scores if self.rescored is None else self.rescored

    @property
    def search_context(self) -> SearchContext:
        """`context`, for a stage that cannot do without.

        Raises:
            InvalidInput: there are none.
        """
        if self.context is None:
            raise InvalidInput("This ranking stage needs the vectors behind the matches, and none were given.")
        return self.context

    def take(self, positions: Sequence[int] | npt.NDArray[np.intp]) -> Matches:
        """Return the matches at these positions, in this order."""
        chosen = np.asarray(positions, dtype=np.intp)
        rescored = None if self.rescored is None else self.rescored[chosen]
        return Matches(
            self.numbers[chosen],
            self.scores[chosen],
            tuple(self.categories[i] for i in chosen),
            rescored,
            self.context,
            None if self.inliers is None else self.inliers[chosen],
            None if self.confidences is None else self.confidences[chosen],
            None if self.spread is None else self.spread[chosen],
            None if self.codes is None else tuple(self.codes[i] for i in chosen),
            None if self.words is None else self.words[chosen],
            None if self.matched_words is None else tuple(self.matched_words[i] for i in chosen),
        )

    def first(self, k: int) -> Matches:
        """Return the first k matches, or all if there are fewer."""
        return self.take(range(min(k, len(self))))

    def rescore(self, scores: npt.NDArray[np.float64]) -> Matches:
        """Return the items with these rerank scores [K], ordered by them (stable)."""
        rescored: Floats = scores.astype(np.float32)
        return replace(self, rescored=rescored).take(np.argsort(-rescored, kind="stable"))

    def with_inliers(self, inliers: Numbers, spread: Floats) -> Matches:
        """Return the matches with these inliers, int64 [K], and their spread, f32 [K]."""
        return replace(self, inliers=inliers, spread=spread)

    def with_codes(self, codes: tuple[str, ...]) -> Matches:
        """Return the matches with these codes, K texts."""
        return replace(self, codes=codes)

    def with_words(self, words: Floats, matched: tuple[tuple[str, ...], ...]) -> Matches:
        """Return the matches with these shares, f32 [K], and the words behind them."""
        return replace(self, words=words, matched_words=matched)

    def with_confidences(self, confidences: Floats) -> Matches:
        """Return the matches with these probabilities, f32 [K], ordered by them."""
        return replace(self, confidences=confidences).take(np.argsort(-confidences, kind="stable"))


def join(matches: Matches, more: Matches) -> Matches:
    """Return the matches followed by those of `more` that are new."""
    new = more.take(np.flatnonzero(~np.isin(more.numbers, matches.numbers)))
    if not len(new):
        return matches
    inliers = spread = None
    if matches.inliers is not None:
        inliers = np.concatenate([matches.inliers, np.zeros(len(new), dtype=np.int64)])
    if matches.spread is not None:
        spread = np.concatenate([matches.spread, np.zeros(len(new), dtype=np.float32)])
    codes = None if matches.codes is None else (*matches.codes, *[""] * len(new))
    words = None if matches.words is None else np.concatenate([matches.words, np.zeros(len(new), dtype=np.float32)])
    matched = None if matches.matched_words is None else (*matches.matched_words, *[()] * len(new))
    return Matches(
        np.concatenate([matches.numbers, new.numbers]),
        np.concatenate([matches.scores, new.scores]),
        (*matches.categories, *new.categories),
        np.concatenate([matches.rerank_scores, new.rerank_scores]),
        matches.context,
        inliers,
        spread=spread,
        codes=codes,
        words=words,
        matched_words=matched,
    )


Stage = Callable[[Matches], Matches]
