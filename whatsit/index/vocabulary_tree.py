"""Vocabulary tree: words by hierarchical k-means (Nister and Stewenius 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.index.index_kind import kmeans
from whatsit.vision.local_features import unit_descriptors

BRANCHES = 10
MOST_LEVELS = 5
# A leaf that was made of fewer descriptors than this is chance.
DESCRIPTORS_PER_WORD = 8
# What one level of k-means looks at; more does not move the centres.
SAMPLE_PER_BRANCH = 256
# Nearest words are found level by level below so many nodes.
_FLAT = 1000
_BEAM = 4
# So many descriptors are in memory as floats at once: 50 MB.
_PIECE = 100_000

Stored = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tree, level after level; a word is a leaf.

    Args:
        centres: f32 [10 + 100 + ... + 10^levels, 128]; the children of node i of a level are 10i .. 10i+9 of the next.
    """

    centres: Floats

    def __post_init__(self) -> None:
        if len(self.centres) not in (_nodes(level) for level in range(1, MOST_LEVELS + 1)):
            raise InvalidInput(f"A vocabulary tree has 10, 110, 1110... nodes, not {len(self.centres)}.")

    @property
    def levels(self) -> int:
        """Depth of the tree."""
        return len(str(len(self.centres))) - 1

    @property
    def size(self) -> int:
        """How many words there are."""
        return int(BRANCHES**self.levels)

    @classmethod
    def train(cls, descriptors: Stored, seed: int = 0) -> Vocabulary:
        """Grow a tree as deep as its descriptors allow.

        Args:
            descriptors: uint8 [n,128], as stored.
            seed: of k-means.
        """
        levels = 1
        while levels < MOST_LEVELS and BRANCHES ** (levels + 1) * DESCRIPTORS_PER_WORD <= len(descriptors):
            levels += 1
        rng = np.random.default_rng(seed)
        most = SAMPLE_PER_BRANCH * BRANCHES**levels
        if len(descriptors) > most:
            descriptors = descriptors[np.sort(rng.choice(len(descriptors), most, replace=False))]
        values = unit_descriptors(descriptors)
        members = [np.arange(len(values))]
        centres = []
        for _ in range(levels):
            grown = [_split(values[rows], seed) for rows in members]
            centres.append(np.concatenate([nodes for nodes, _ in grown]))
            members = [
                rows[nearest == k] for rows, (_, nearest) in zip(members, grown, strict=True) for k in range(BRANCHES)
            ]
        return cls(np.concatenate(centres).astype(np.float32))

    @cached_property
    def _squares(self) -> Floats:
        """Squared length of each centre."""
        return np.asarray(np.einsum("nd,nd->n", self.centres, self.centres))

    def words(self, descriptors: Stored) -> Words:
        """The word of each descriptor, uint8 [n,128] as stored: int64 [n]."""
        pieces = [self._words(descriptors[start : start + _PIECE]) for start in range(0, len(descriptors), _PIECE)]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    def nearest(self, values: Floats, count: int) -> Words:
        """Return so many words near each descriptor, nearest first, int64 [n,count].

        Levels of up to `_FLAT` nodes are compared in full; below them only the children of the `_BEAM` nearest nodes.

        Args:
            values: f32 [n,128], unit length.
            count: 1 or more; there are never more than 10 * `_BEAM` of them, nor than words.
        """
        level = min(self.levels, len(str(_FLAT)) - 1)
        centres = self.centres[_nodes(level - 1) : _nodes(level)]
        kept = min(_BEAM if level < self.levels else count, len(centres))
        nodes = np.asarray(faiss.knn(np.ascontiguousarray(values), centres, kept)[1], dtype=np.int64)
        while level < self.levels:
            children = (nodes[:, :_BEAM, None] * BRANCHES + np.arange(BRANCHES)).reshape(len(values), -1)
            level += 1
            nodes = self._nearest_of(values, children, level, count)
        return nodes

    def _nearest_of(self, values: Floats, nodes: Words, level: int, count: int) -> Words:
        """Return the nearest of some nodes of a level, int64 [n,k]."""
        first_of_level = _nodes(level - 1)
        seen = self.centres[nodes + first_of_level]
        gaps = self._squares[nodes + first_of_level] - 2.0 * np.matmul(seen, values[:, :, None])[:, :, 0]
        kept = min(count if level == self.levels else max(count, _BEAM), gaps.shape[1])
        first = np.argpartition(gaps, kept - 1, axis=1)[:, :kept]
        order = np.argsort(np.take_along_axis(gaps, first, axis=1), axis=1, kind="stable")
        return np.take_along_axis(nodes, np.take_along_axis(first, order, axis=1), axis=1)

    def _words(self, descriptors: Stored) -> Words:
        values = unit_descriptors(descriptors)
        node = np.zeros(len(values), dtype=np.int64)
        for level in range(self.levels):
            first, last = _nodes(level), _nodes(level + 1)
            children = self.centres[first:last].reshape(-1, BRANCHES, self.centres.shape[1])
            lengths = (children**2).sum(axis=2)
            chosen = np.empty(len(values), dtype=np.int64)
            order = np.argsort(node, kind="stable")
            starts = np.flatnonzero(np.diff(node[order], prepend=-1))
            for rows in np.split(order, starts[1:]):  # one product of matrices per parent that is in use
                parent = node[rows[0]]
                chosen[rows] = (lengths[parent] - 2.0 * values[rows] @ children[parent].T).argmin(axis=1)
            node = node * BRANCHES + chosen
        return node


def _nodes(levels: int) -> int:
    """Nodes of so many levels together."""
    return int(sum(BRANCHES**level for level in range(1, levels + 1)))


def _split(values: Floats, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return ten centres f32 [10,D] (repeated if rows are few) and the assignments."""
    dimension = values.shape[1]
    if len(values) <= BRANCHES:
        centres = np.zeros((BRANCHES, dimension), dtype=np.float32)
        if len(values):
            centres = values[np.arange(BRANCHES) % len(values)]
    else:
        centres = kmeans(values, BRANCHES, seed, most=SAMPLE_PER_BRANCH * BRANCHES)
    if not len(values):
        return centres, np.empty(0, dtype=np.int64)
    _, nearest = faiss.knn(np.ascontiguousarray(values), np.ascontiguousarray(centres), 1)
    return centres, nearest[:, 0].astype(np.int64)
