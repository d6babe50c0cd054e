"""Votes of local features for the pictures that hold their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from whatsit.index.inverted_file import InvertedFile
from whatsit.index.shard import Floats, Numbers
from whatsit.index.vocabulary_tree import Vocabulary
from whatsit.vision.local_features import UNIT, LocalFeatures

# A feature is compared with about so many of the catalogue, those of its nearest words.
COMPARED = 100
MOST_WORDS = 10
# A feature votes for at most so many pictures; the next one is the background that a vote is measured against.
NEAREST = 10
# Features of other prints reach this. Of 0.75 and 0.85, and of 5, 10 and 30 pictures a feature, these find most first:
# 37 of 40 photos of labels by votes alone instead of 22.
BACKGROUND = 0.85


def vote(query: LocalFeatures, vocabulary: Vocabulary, sections: Sequence[InvertedFile]) -> list[Floats]:
    """Return the votes for each picture of each section, f32 [P], 0..1.

    Local naive Bayes nearest neighbours (McCann and Lowe 2012): a feature looks for its nearest neighbours in the
    lists of its nearest words, and votes for the picture of each by how much nearer it is than the one after them.
    Letters that are in every picture therefore say little, and a thing that fills a tenth of a photo is found by the
    features that it has, however many others there are.
    """
    stored = sum(len(section.rows) for section in sections)
    words = min(MOST_WORDS, max(1, round(COMPARED * vocabulary.size / max(stored, 1))))
    near = vocabulary.nearest(query.descriptors, words)
    offsets = np.cumsum([0, *(len(section) for section in sections)]).tolist()
    pairs = [_pairs(query, near, section, start) for section, start in zip(sections, offsets, strict=False)]
    owner, picture, likeness = (np.concatenate(column) for column in zip(*pairs, strict=True))
    totals = (_count(owner, picture, likeness, offsets[-1]) / max(len(query), 1)).astype(np.float32)
    return [totals[start:end] for start, end in pairwise(offsets)]


def _pairs(query: LocalFeatures, near: Numbers, section: InvertedFile, first: int) -> tuple[Numbers, Numbers, Floats]:
    """Return feature of the query, picture and likeness of pairs above `BACKGROUND`.

    Args:
        query: the features.
        near: int64 [n,k], their nearest words, whose features are compared.
        section: the pictures.
        first: number of the first of them.
    """
    lists, members = section.member_lists, section.members
    assert lists is not None  # the caller has looked
    assert members is not None
    words = near.reshape(-1)
    starts, lengths = lists[words], lists[words + 1] - lists[words]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = np.asarray(members[np.repeat(starts, lengths) + within], dtype=np.int64)
    compared = lengths.reshape(near.shape).sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(compared)]).tolist()
    likeness = np.empty(len(rows), dtype=np.float32)
    for start, end, descriptor in zip(ends[:-1], ends[1:], query.descriptors / np.float32(UNIT), strict=True):
        stored = section.rows.take(rows[start:end], axis=0)[:, 4:].astype(np.float32)
        np.dot(stored, descriptor, out=likeness[start:end])
    alike = np.flatnonzero(likeness > BACKGROUND)
    owner = np.repeat(np.arange(len(near)), compared)[alike]
    return owner, np.searchsorted(section.starts, rows[alike], side="right") - 1 + first, likeness[alike]


def _count(owner: Numbers, picture: Numbers, likeness: Floats, pictures: int) -> npt.NDArray[np.float64]:
    """Return the votes of all pairs by picture, f64 [pictures]."""
    order = np.argsort(2.0 * owner - likeness, kind="stable")  # by owner, then by likeness, which is below 2
    owner, picture, likeness = owner[order], picture[order], likeness[order]
    _, firsts = np.unique(owner * max(pictures, 1) + picture, return_index=True)  # of a picture its nearest feature
    firsts.sort()
    owner, picture, likeness = owner[firsts], picture[firsts], likeness[firsts]
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    place = np.arange(len(owner)) - np.repeat(begins, np.diff(begins, append=len(owner)))
    background = np.full(int(owner.max(initial=-1)) + 1, BACKGROUND, dtype=np.float32)
    background[owner[place == NEAREST]] = likeness[place == NEAREST]
    ahead = np.where(place < NEAREST, likeness - background[owner], 0.0)
    return np.asarray(np.bincount(picture, ahead, minlength=pictures), dtype=np.float64)
