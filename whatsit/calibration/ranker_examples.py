"""Labelled examples for the ranker, from photos of known items.

Each photo is searched with its item in the catalogue and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.calibration.calibrator import Calibrator, Photo
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.serving_pair import own_network
from whatsit.catalogue.store.store import Store
from whatsit.pipeline.networks import Networks
from whatsit.ranking.learned import FEATURES, features
from whatsit.ranking.matches import Floats, Matches
from whatsit.search.offline_identifier import OfflineIdentifier, PhotoFeatures

# Further down a list nearly all is wrong, and easily seen to be.
DEPTH = 10

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Examples:
    """What the ranker learns from.

    Args:
        features: f32 [n,11], see `whatsit.ranking.learned`.
        right: bool [n], whether the match was the item that the photo shows.
        photos: int64 [n], which photo each comes from.
        fingerprint: of the embedder behind the features.
        unread: files that could not be read.
    """

    features: Floats
    right: Booleans
    photos: npt.NDArray[np.int64]
    fingerprint: str
    unread: int = 0


def examples(
    catalogue: Path,
    photos: Path | None,
    limit: int,
    model_repository: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Examples:
    """Look up photos of known items, those of the click log first.

    Args:
        catalogue: the catalogue's folder; with geometry where it keeps local features.
        photos: sub-folders named after item ids hold photos of them; None for synthetic photos of the catalogue's
            own pictures.
        limit: at most so many of these, besides the click log.
        model_repository: networks instead of Whatsit's own.
        progress: called with photos done and in all.

    Raises:
        InvalidInput: there is no photo of a known item.
    """
    with Networks(model_repository, embedder=own_network(catalogue)) as networks:
        calibrator = Calibrator(catalogue, networks)
        layout = Layout(catalogue)
        with Store(layout.store, read_only=True) as store:
            clicked = [
                Photo(click.path, store.show(click.item)["number"], click.item, None, click.box)
                for click in store.clicks.all()
            ]
        given = calibrator.synthetic(limit) if photos is None else calibrator.real(photos)
        known = [photo for photo in given if photo.item is not None]
        known = [*clicked, *known[:: -(-len(known) // limit) if known else 1]]
        if not known:
            raise InvalidInput(f"No photo in {photos} shows a known item: name its sub-folders after item ids.")
        return collect(calibrator, OfflineIdentifier(catalogue, networks), known, progress)


def collect(
    calibrator: Calibrator,
    identifier: OfflineIdentifier,
    photos: Sequence[Photo],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Examples:
    """Return the examples of photos of known items; unreadable ones are left out."""
    stages = "geometry" if calibrator.generation.words is not None else "none"
    rows, right, owners, unread = [np.empty((0, len(FEATURES)), np.float32)], [np.empty(0, bool)], [], 0
    for number, photo in enumerate(photos):
        try:
            found = identifier.extract(calibrator.picture(photo), photo.box, local=stages == "geometry")
        except (InvalidInput, OSError):
            unread += 1
            continue
        # As often as an item is there, it is missing: the ranker must know what that looks like.
        for allowed in (None, calibrator.without(photo)):
            for matches in _lists(identifier, found, stages, allowed):
                rows.append(features(matches)[:DEPTH])
                right.append((matches.numbers == photo.item)[:DEPTH])
                owners.append(np.full(len(right[-1]), number, dtype=np.int64))
        progress(number + 1, len(photos))
    photo_of_row = np.concatenate(owners) if owners else np.empty(0, np.int64)
    return Examples(np.concatenate(rows), np.concatenate(right), photo_of_row, calibrator.fingerprint, unread)


def _lists(
    identifier: OfflineIdentifier, found: PhotoFeatures, stages: str, allowed: npt.NDArray[np.int64] | None
) -> list[Matches]:
    return [matches for matches in identifier.matches(found, stages, allowed) if len(matches)]
