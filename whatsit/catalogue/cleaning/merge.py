"""Merging of items that retrieval confuses in both directions.

Every picture is looked up among all others (leave one out). The confusion of item a with item b is the share of the
neighbours of a's pictures that are b's. Were the two one item, split at random, it would be about
n_b / (n_a + n_b - 1); confusion is counted in units of that, so that sizes do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

from whatsit.index.index_kind import Numbers

NEIGHBOURS = 5
# Beyond, an inverted file is searched instead of every picture; a neighbour missed now and then changes no verdict.
_EXHAUSTIVE = 50_000
_PROBES = 16
_WORD = re.compile(r"\d+|[^\W\d_]+")


@dataclass(frozen=True)
class Confusion:
    """Two items and how often each is taken for the other.

    Args:
        one: an item.
        other: another, of a larger number.
        forward: confusion of `one` with `other`, in units of that of one item split at random: 0 never, about 1 always.
        backward: of `other` with `one`.
        similarity: mean cosine of the confused pictures with their neighbours.
    """

    one: int
    other: int
    forward: float
    backward: float
    similarity: float

    @property
    def mutual(self) -> float:
        """Return the smaller of both directions."""
        return min(self.forward, self.backward)


def confusions(vectors: npt.NDArray[np.float32], items: Numbers) -> list[Confusion]:
    """Return the pairs of items that are confused in both directions, the worst first.

    Args:
        vectors: f32 [N,D], unit length.
        items: int64 [N], the item of each.
    """
    if len(items) < 2:
        return []
    neighbours = _neighbours(vectors)
    counts = np.bincount(items)
    rows = np.repeat(np.arange(len(items)), neighbours.shape[1])
    flat = neighbours.ravel()
    rows, flat = rows[flat >= 0], flat[flat >= 0]
    # The neighbours of an item of few pictures include others, however far: of n neighbours as many count as there
    # would be siblings, were the neighbour's item the same one.
    place = np.tile(np.arange(neighbours.shape[1]), len(items))[neighbours.ravel() >= 0]
    counted = place < counts[items[rows]] + counts[items[flat]] - 1
    rows, flat = rows[counted], flat[counted]
    apart = items[rows] != items[flat]
    similarity = np.einsum("nd,nd->n", vectors[rows[apart]], vectors[flat[apart]])
    width = np.int64(len(counts))
    keys, of_pair = np.unique(items[rows[apart]] * width + items[flat[apart]], return_inverse=True)
    votes = np.bincount(of_pair, minlength=len(keys))
    likeness = np.bincount(of_pair, weights=similarity, minlength=len(keys)) / np.maximum(votes, 1)
    ones, others = keys // width, keys % width
    together = counts[ones] + counts[others] - 1
    asked = counts[ones] * np.minimum(neighbours.shape[1], together)
    units = votes / asked / (counts[others] / together)
    found = dict(zip(keys.tolist(), zip(units.tolist(), likeness.tolist(), strict=True), strict=True))
    pairs = []
    for key, (forward, like) in found.items():
        one, other = divmod(key, int(width))
        back = found.get(other * int(width) + one)
        if one < other and back is not None:
            pairs.append(Confusion(one, other, forward, back[0], (like + back[1]) / 2))
    return sorted(pairs, key=lambda pair: (-pair.mutual, pair.one, pair.other))


def contradict(titles: tuple[str | None, str | None], brands: tuple[str | None, str | None]) -> bool:
    """Return whether titles or brands deny that two items are one.

    Brands contradict where both are known and differ; titles where each has a word (a size, a flavour) that the other
    lacks.
    """
    some, others = ({*_WORD.findall(brand.casefold())} if brand else set() for brand in brands)
    if some and others and some != others:
        return True
    some, others = ({*_WORD.findall(title.casefold())} if title else set() for title in titles)
    return bool(some and others and some - others and others - some)


def groups(
    pairs: Sequence[tuple[int, int]], pictures: Numbers, apart: Collection[frozenset[int]] = ()
) -> dict[int, int]:
    """Join pairs to groups (union-find).

    Args:
        pairs: of items, the surest first.
        pictures: int64 [I], how many each item has.
        apart: pairs of items that never come into one group.

    Returns:
        Item -> the main item of its group, that with most pictures (of equals the first), for all but main items.
    """
    parent: dict[int, int] = {}

    def root(item: int) -> int:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for one, other in pairs:
        roots = {root(one), root(other)}
        if not any({root(item) for item in pair} == roots for pair in apart if len(roots) == 2):
            parent[root(one)] = root(other)
    members: dict[int, list[int]] = {}
    for item in list(parent):
        members.setdefault(root(item), []).append(item)
    mains = {key: max(group, key=lambda item: (pictures[item], -item)) for key, group in members.items()}
    return {item: mains[key] for key, group in members.items() for item in sorted(group) if item != mains[key]}


def _neighbours(vectors: npt.NDArray[np.float32]) -> Numbers:
    """Return the 5 nearest other pictures of each, int64 [N,5]; -1 for none."""
    count = len(vectors)
    if count <= _EXHAUSTIVE:
        index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        coarse = faiss.IndexFlatIP(vectors.shape[1])
        lists = int(4 * count**0.5)
        index = faiss.IndexIVFFlat(coarse, vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
        index.own_fields = False
        step = max(1, count // (40 * lists))
        index.train(np.ascontiguousarray(vectors[::step]))
        index.nprobe = _PROBES
    index.add(vectors)
    _, found = index.search(vectors, min(NEIGHBOURS + 1, count))
    found = found.astype(np.int64)
    itself = found == np.arange(count)[:, None]
    itself[~itself.any(axis=1), -1] = True  # identical pictures may have pushed it out
    return np.asarray(found[~itself].reshape(count, -1))
