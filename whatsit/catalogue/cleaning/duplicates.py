"""Near duplicates: pictures with close perceptual hashes and close embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.cleaning.picture_table import Flags, PictureTable
from whatsit.index.hash_index import HashIndex
from whatsit.index.index_kind import Numbers
from whatsit.vision.perceptual_hash import hamming

# Pairs reported of one picture with other items: thousands of items may share a placeholder.
_MOST_PAIRS = 5


@dataclass(frozen=True)
class NearDuplicatePair:
    """Two pictures that are nearly one.

    Args:
        picture: place of the one in the table.
        kept: place of the other.
        bits: in which their hashes differ, 0..64.
        similarity: cosine of their embeddings, -1..1.
    """

    picture: int
    kept: int
    bits: int
    similarity: float


def within_items(
    table: PictureTable, hashes: npt.NDArray[np.uint8], there: Flags, radius: int, min_similarity: float
) -> Iterator[NearDuplicatePair]:
    """Return the pictures of an item that repeat a larger or an earlier one of it.

    Every picture is compared with those that stay, so a chain of small differences does not swallow an item.

    Args:
        table: the pictures.
        hashes: uint8 [N,8].
        there: bool [N], whether the picture has a hash.
        radius: bits that may differ.
        min_similarity: cosine of the embeddings from which two pictures of near hashes are duplicates.
    """
    for _, members in table.by_item():
        stay: list[int] = []
        for n in members[np.lexsort((members, -table.sizes[members]))].tolist():
            pair = _nearest(table, hashes, n, np.array([s for s in stay if there[s]], np.int64)) if there[n] else None
            same = [s for s in stay if table.sha256[s] == table.sha256[n]]
            if same:
                yield NearDuplicatePair(n, same[0], 0, 1.0)
            elif pair is not None and pair.bits <= radius and pair.similarity >= min_similarity:
                yield pair
            else:
                stay.append(n)


def between_items(
    table: PictureTable, hashes: npt.NDArray[np.uint8], there: Flags, radius: int, min_similarity: float
) -> Iterator[NearDuplicatePair]:
    """Return pairs of near-duplicate pictures of two items, the nearest few of each.

    Args:
        table: the pictures.
        hashes: uint8 [N,8].
        there: bool [N], whether the picture has a hash.
        radius: bits that may differ.
        min_similarity: cosine of the embeddings from which two pictures of near hashes are duplicates.
    """
    places = np.flatnonzero(there)
    # Of a hash that many items have, the first few places stand for all.
    _, first, of_place = np.unique(hashes[places], axis=0, return_index=True, return_inverse=True)
    members: dict[int, list[int]] = {}
    for place, unique in zip(places.tolist(), of_place.ravel().tolist(), strict=True):
        members.setdefault(unique, []).append(place)
    unique_hashes = hashes[places[first]]
    rows, numbers, _ = HashIndex(unique_hashes).within(unique_hashes, radius)
    near: dict[int, list[int]] = {}
    for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
        near.setdefault(row, []).append(number)
    for row, group in members.items():
        others = np.array([m for number in near[row] for m in members[number][: 2 * _MOST_PAIRS]], np.int64)
        for n in group[: 2 * _MOST_PAIRS]:
            yield from _pairs_elsewhere(table, hashes, n, others, min_similarity)


def _pairs_elsewhere(
    table: PictureTable, hashes: npt.NDArray[np.uint8], n: int, others: Numbers, min_similarity: float
) -> list[NearDuplicatePair]:
    others = others[(others > n) & (table.found_as[others] != table.found_as[n])]
    bits = hamming(hashes[n], hashes[others])
    similarity = table.vectors[others] @ table.vectors[n]
    order = [m for m in np.lexsort((others, bits)) if similarity[m] >= min_similarity][:_MOST_PAIRS]
    return [NearDuplicatePair(int(others[m]), n, int(bits[m]), float(similarity[m])) for m in order]


def _nearest(table: PictureTable, hashes: npt.NDArray[np.uint8], n: int, stay: Numbers) -> NearDuplicatePair | None:
    if not len(stay):
        return None
    bits = hamming(hashes[n], hashes[stay])
    best = int(np.argmin(bits))
    return NearDuplicatePair(n, int(stay[best]), int(bits[best]), float(table.vectors[stay[best]] @ table.vectors[n]))
