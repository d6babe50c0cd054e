"""Photos looked up with and without their item, to fit answers to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Answer

from whatsit.calibration.calibrator import Calibrator, Photo
from whatsit.index.shard import Numbers
from whatsit.ranking.answer_features import answer_features
from whatsit.ranking.answer_model import SHOWN
from whatsit.ranking.matches import Floats, Matches
from whatsit.search.offline_identifier import OfflineIdentifier, PhotoFeatures

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Episode:
    """One search for one photo.

    Args:
        photo: which one.
        present: whether its item could be found; False where it was taken out, or is none of the catalogue's.
        stranger: whether the catalogue never held it.
        features: f32 [R, F] of the regions with matches, see `answer_features`.
        alone: f32 [R, F] of each of them as if it were all of the picture.
        whole: bool [R], whether the region is the whole picture.
        right: bool [R], whether the region's first match is the item, or a near duplicate of it.
        shown: bool [R], whether one of its first three is.
        answer: what the retriever's own rule made of it.
        answer_right: whether the first match of the answered region is the item.
        answer_shown: whether one of its first three is.
    """

    photo: int
    present: bool
    stranger: bool
    features: Floats
    alone: Floats
    whole: Booleans
    right: Booleans
    shown: Booleans
    answer: Answer
    answer_right: bool
    answer_shown: bool


def episodes(
    calibrator: Calibrator,
    identifier: OfflineIdentifier,
    photos: Sequence[Photo],
    stages: Sequence[str | None] = (None,),
    workers: int = 1,
) -> Iterator[list[Episode]]:
    """Yield the episodes of each photo, with its item and without it, in order.

    The list of a photo that cannot be read is empty.

    Args:
        calibrator: knows each photo's item and that one's duplicates.
        identifier: of the same catalogue.
        photos: of items in the catalogue and of others.
        stages: values of `rerank`; None for the server's default.
        workers: photos looked up at once.
    """

    def of(numbered: tuple[int, Photo]) -> list[Episode]:
        number, photo = numbered
        try:
            found = identifier.extract(calibrator.picture(photo), photo.box)
        except (InvalidInput, OSError):
            return []
        absent = calibrator.absent(photo)
        every = [_search(identifier, found, choice, None, number, photo, absent) for choice in stages]
        if photo.item is not None:
            allowed = calibrator.without(photo)
            every += [_search(identifier, found, choice, allowed, number, photo, absent) for choice in stages]
        return every

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(of, enumerate(photos))


def _search(
    identifier: OfflineIdentifier,
    found: PhotoFeatures,
    stages: str | None,
    allowed: Numbers | None,
    number: int,
    photo: Photo,
    absent: Numbers,
) -> Episode:
    retrieved = identifier.retrieve(found, stages, allowed)
    present = photo.item is not None and allowed is None
    truth = set(absent.tolist()) if present else set()
    rows = [index for index, matches in enumerate(retrieved.regions) if len(matches)]
    chosen = retrieved.answer.region
    return Episode(
        number,
        present,
        photo.item is None,
        answer_features(retrieved.regions)[rows],
        np.concatenate([answer_features([retrieved.regions[index]]) for index in rows] or [answer_features([])]),
        np.array([index == 0 for index in rows], dtype=bool),
        np.array([_holds(retrieved.regions[index], truth, 1) for index in rows], dtype=bool),
        np.array([_holds(retrieved.regions[index], truth, SHOWN) for index in rows], dtype=bool),
        retrieved.answer,
        chosen is not None and _holds(retrieved.regions[chosen], truth, 1),
        chosen is not None and _holds(retrieved.regions[chosen], truth, SHOWN),
    )


def _holds(matches: Matches, truth: set[int], first: int) -> bool:
    """Return whether one of the first matches is the item or a near duplicate of it."""
    return not truth.isdisjoint(matches.numbers[:first].tolist())
