"""Local features of many pictures and the inverted file of their visual words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.index.shard import Floats, Numbers
from whatsit.index.vocabulary_tree import Vocabulary
from whatsit.vision.local_features import ROW, LocalFeatures

ARRAYS = ("rows", "starts", "items", "lists", "postings", "weights")
# What generations published before 0.4 lack.
MEMBER_ARRAYS = ("members", "member_lists")


@dataclass(frozen=True, eq=False)
class InvertedFile:
    """Immutable inverted file of visual words (Sivic and Zisserman 2003).

    Args:
        rows: uint8 [F,132], the local features of all pictures one after the other.
        starts: int64 [P+1], where each picture's rows begin.
        items: int64 [P] ascending, the item of each picture.
        lists: int64 [W+1], where each word's postings begin.
        postings: int32 [M], pictures that hold the word.
        weights: f32 [M], the word's share of the picture's tf-idf; those of a picture sum to 1.
        members: int32 [F], rows ordered by their word; None where only pictures are listed.
        member_lists: int64 [W+1], where each word's members begin.
    """

    rows: npt.NDArray[np.uint8]
    starts: Numbers
    items: Numbers
    lists: Numbers
    postings: npt.NDArray[np.int32]
    weights: Floats
    members: npt.NDArray[np.int32] | None = None
    member_lists: Numbers | None = None

    def __post_init__(self) -> None:
        fits = (
            self.rows.ndim == 2
            and self.rows.shape[1] == ROW
            and self.starts.shape == (len(self.items) + 1,)
            and self.postings.shape == self.weights.shape
            and int(self.starts[-1]) == len(self.rows)
            and int(self.lists[-1]) == len(self.postings)
            and (self.members is None or len(self.members) == len(self.rows))
            and (self.member_lists is None or self.member_lists.shape == self.lists.shape)
        )
        if not fits:
            raise InvalidInput("The arrays of local features do not fit together.")

    @classmethod
    def of(cls, features: Sequence[LocalFeatures], items: Numbers, vocabulary: Vocabulary, idf: Floats) -> InvertedFile:
        """Turn pictures into words.

        Args:
            features: of each picture.
            items: int64 [P] ascending.
            vocabulary: gives the words.
            idf: f32 [W], the weight of each word.
        """
        rows = np.concatenate([one.rows for one in features]) if features else np.empty((0, ROW), dtype=np.uint8)
        starts = np.concatenate([[0], np.cumsum([len(one) for one in features], dtype=np.int64)]).astype(np.int64)
        words = vocabulary.words(rows[:, 4:])
        owners = np.repeat(np.arange(len(features), dtype=np.int64), np.diff(starts))
        pairs, counts = np.unique(words * max(len(features), 1) + owners, return_counts=True)
        word, picture = pairs // max(len(features), 1), pairs % max(len(features), 1)
        weights = counts * idf[word]
        sums = np.bincount(picture, weights, minlength=len(features))
        lists = np.searchsorted(word, np.arange(vocabulary.size + 1))
        return cls(
            rows,
            starts,
            np.asarray(items, dtype=np.int64),
            lists.astype(np.int64),
            picture.astype(np.int32),
            (weights / np.maximum(sums[picture], 1e-12)).astype(np.float32),
            np.argsort(words, kind="stable").astype(np.int32),
            np.concatenate([[0], np.cumsum(np.bincount(words, minlength=vocabulary.size))]).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.items)

    def scores(self, words: Numbers, weights: Floats) -> Floats:
        """Return the histogram intersection of each picture with a query, f32 [P], 0..1.

        That is 1 - half the L1 distance of the two tf-idf vectors, Nister and Stewenius' score.

        Args:
            words: int64 [n], each at most once.
            weights: f32 [n], of the query, sum 1.
        """
        total = np.zeros(len(self), dtype=np.float32)
        for word, weight in zip(words.tolist(), weights.tolist(), strict=True):
            span = slice(int(self.lists[word]), int(self.lists[word + 1]))
            # A picture stands at most once in a word's list, so plain assignment adds up.
            total[self.postings[span]] += np.minimum(self.weights[span], weight)
        return total

    def features(self, picture: int) -> LocalFeatures:
        """The local features of one picture."""
        return LocalFeatures(np.asarray(self.rows[int(self.starts[picture]) : int(self.starts[picture + 1])]))

    def of_item(self, item: int) -> range:
        """The pictures of an item, none if it has none here."""
        start, end = np.searchsorted(self.items, [item, item + 1])
        return range(int(start), int(end))


def inverse_frequency(features: Sequence[LocalFeatures], vocabulary: Vocabulary) -> Floats:
    """Return idf f32 [W]: ln(P / pictures with the word), ln P for unused words."""
    words = vocabulary.words(np.concatenate([one.rows for one in features])[:, 4:])
    owners = np.repeat(np.arange(len(features), dtype=np.int64), [len(one) for one in features])
    pairs = np.unique(words * len(features) + owners)
    seen = np.bincount(pairs // len(features), minlength=vocabulary.size)
    pictures = np.maximum(seen, 1)
    # A word in every picture says nothing, but in a catalogue of one picture some word must say something.
    return np.asarray(np.maximum(np.log(max(len(features), 1) / pictures), 1e-3), dtype=np.float32)
