"""Candidates of the queues of catalogue pictures.

Their thresholds are looser than those of `whatsit catalogue clean`, which decides without a person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.cleaning.clean import is_denied
from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.cleaning.decision_log import Pair
from whatsit.catalogue.cleaning.denoise import belonging, consensus
from whatsit.catalogue.cleaning.duplicates import between_items
from whatsit.catalogue.cleaning.merge import confusions
from whatsit.catalogue.cleaning.picture_table import Flags, PictureTable, read_hashes
from whatsit.catalogue.review.task_table import Candidate
from whatsit.catalogue.store.store import Store
from whatsit.index.index_kind import Numbers
from whatsit.vision.perceptual_hash import hamming

Progress = Callable[[int, int, str], None]

MAX_BITS = 18
MIN_SIMILARITY = 0.7
# Logistic regression on pairs of the even grocery classes (`perf/catalogue/review`): a constant, bits, cosine.
DUPLICATE_WEIGHTS = (-1.28, -0.85, 8.86)
MIN_CONFUSION = 0.2
MIN_LIKENESS = 0.55
_MIN_PICTURES = 3
_MIN_DOUBT = 0.25


@dataclass(frozen=True)
class Hashes:
    """Perceptual hashes of the pictures of a table.

    Args:
        values: uint8 [N,8].
        there: bool [N], whether the picture has one.
    """

    values: npt.NDArray[np.uint8]
    there: Flags

    @classmethod
    def read(cls, store: Store, table: PictureTable, progress: Progress) -> Hashes:
        """Return the known hashes, and those of pictures that are read now."""
        kind = CleaningSettings().hash
        known = {image: hash for _, image, hash in store.facts.hashes(kind)}
        return cls(*read_hashes(table, kind, known, lambda done, total: progress(done, total, "reading pictures")))


def duplicate_score(bits: float, similarity: float) -> float:
    """Return the probability that two pictures of an item are one."""
    constant, of_bits, of_similarity = DUPLICATE_WEIGHTS
    return 1.0 / (1.0 + math.exp(-(constant + of_bits * bits + of_similarity * similarity)))


def duplicate_candidates(
    table: PictureTable,
    hashes: Hashes,
    denied: set[Pair],
    progress: Progress,
    max_bits: int = MAX_BITS,
    min_similarity: float = MIN_SIMILARITY,
) -> Iterator[Candidate]:
    """Return each picture with the larger or earlier one that it most likely repeats.

    Args:
        table: the pictures.
        hashes: of them.
        denied: pairs that are not asked again.
        progress: called with pictures done and in all.
        max_bits: in which the hashes of a pair may differ.
        min_similarity: cosine of a pair.
    """
    for item, members in table.by_item():
        progress(int(members[-1]) + 1, len(table), "comparing pictures")
        ordered = members[np.lexsort((members, -table.sizes[members]))]
        ordered = ordered[hashes.there[ordered]]
        for place in range(1, len(ordered)):
            found = _nearest(table, hashes, int(ordered[place]), ordered[:place], table.ids[item], denied)
            if found is None:
                continue
            bits, similarity = found.subject["figures"]["bits"], found.subject["figures"]["similarity"]
            if found.score == 1.0 or (bits <= max_bits and similarity >= min_similarity):
                yield found


def _nearest(
    table: PictureTable,
    hashes: Hashes,
    n: int,
    before: Numbers,
    id: str,
    denied: set[Pair],
) -> Candidate | None:
    bits = hamming(hashes.values[n], hashes.values[before]).astype(np.float64)
    similarity = table.vectors[before] @ table.vectors[n]
    _, of_bits, of_similarity = DUPLICATE_WEIGHTS
    for best in np.argsort(-(of_bits * bits + of_similarity * similarity), kind="stable").tolist():
        kept = int(before[best])
        same = table.sha256[kept] == table.sha256[n]
        if frozenset([(id, table.sha256[n]), (id, table.sha256[kept])]) in denied:
            continue
        reason = (
            f"Their hashes differ in {int(bits[best])} of 64 bits, at a cosine of {similarity[best]:.3f}; the first "
            "one is larger or earlier."
        )
        subject = {
            "item": id,
            "first": table.sha256[kept],
            "second": table.sha256[n],
            "reason": reason,
            "figures": {"bits": int(bits[best]), "similarity": round(float(similarity[best]), 4)},
        }
        key = "|".join([id, *sorted([table.sha256[n], table.sha256[kept]])])
        return Candidate(key, 1.0 if same else duplicate_score(float(bits[best]), float(similarity[best])), subject)
    return None


def denoise_candidates(table: PictureTable, settings: CleaningSettings, progress: Progress) -> Iterator[Candidate]:
    """Return pictures that lie apart from the others of their item."""
    for item, members in table.by_item():
        progress(int(members[-1]) + 1, len(table), "comparing pictures")
        if len(members) < _MIN_PICTURES:
            continue
        vectors = table.vectors[members]
        among = vectors @ vectors.T
        np.fill_diagonal(among, -1.0)
        if among.max(axis=1).min() >= 1.0 - settings.radii[0]:
            continue  # each is near to another one
        kept = belonging(vectors, settings.radii)
        agreement = consensus(vectors, kept)
        for place in range(len(members)):
            # Alone among the layers: from 0.5 on; joined by one: below it.
            far = float(np.clip(1.0 - agreement[place], 0.0, 1.0))
            score = 0.5 + far / 2 if not kept[place] else far / 2
            if score < _MIN_DOUBT:
                continue
            n, nearest = int(members[place]), int(members[int(among[place].argmax())])
            best = float(among[place].max())
            reason = (
                f"Its cosine is {best:.3f} with the nearest of the other {len(members) - 1} pictures and "
                f"{agreement[place]:.3f} with the mean of those that belong together."
            )
            yield Candidate(
                f"{table.ids[item]}|{table.sha256[n]}",
                score,
                {
                    "item": table.ids[item],
                    "first": table.sha256[n],
                    "nearest": table.sha256[nearest],
                    "reason": reason,
                    "figures": {"nearest": round(best, 4), "consensus": round(float(agreement[place]), 4)},
                },
            )


def merge_candidates(
    table: PictureTable, hashes: Hashes, settings: CleaningSettings, progress: Progress
) -> Iterator[Candidate]:
    """Return pairs of items that search confuses, or that share a picture."""
    progress(0, 2, "comparing items")
    pictures = np.bincount(table.found_as, minlength=len(table.ids))
    found: dict[tuple[int, int], Candidate] = {}
    for pair in confusions(table.vectors, table.found_as):
        if pair.mutual < MIN_CONFUSION or pair.similarity < MIN_LIKENESS:
            continue
        score = min(pair.mutual, 1.0) * float(np.clip(pair.similarity, 0.0, 1.0))
        reason = (
            f"Search takes the one for the other {pair.forward:.2f} and {pair.backward:.2f} times as often as one item "
            f"split at random, at a cosine of {pair.similarity:.3f}."
        )
        figures = {
            "forward": round(pair.forward, 4),
            "backward": round(pair.backward, 4),
            "similarity": round(pair.similarity, 4),
        }
        found[pair.one, pair.other] = _pair(table, pictures, pair.one, pair.other, score, reason, figures)
    progress(1, 2, "comparing pictures of items")
    for near in between_items(table, hashes.values, hashes.there, settings.radius, settings.min_similarity):
        one, other = sorted((int(table.found_as[near.picture]), int(table.found_as[near.kept])))
        score = 0.5 + duplicate_score(near.bits, near.similarity) * near.similarity / 2
        if (one, other) in found and found[one, other].score >= score:
            continue
        reason = f"Pictures of the two are nearly one: {near.bits} of 64 bits differ, cosine {near.similarity:.3f}."
        figures = {"bits": near.bits, "similarity": round(near.similarity, 4)}
        found[one, other] = _pair(table, pictures, one, other, score, reason, figures)
    yield from found.values()


def _pair(
    table: PictureTable, pictures: Numbers, one: int, other: int, score: float, reason: str, figures: dict[str, float]
) -> Candidate:
    main, second = (one, other) if pictures[one] >= pictures[other] else (other, one)
    denied = is_denied(table, one, other)
    if denied:
        reason += " Titles or brands say that they are two."
    first_id, second_id = table.ids[main], table.ids[second]
    subject = {"first": first_id, "second": second_id, "denied": denied, "reason": reason, "figures": figures}
    return Candidate("|".join(sorted([first_id, second_id])), score / 2 if denied else score, subject)
