"""Refresh of a review queue: its candidates become tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.cleaning.decision_log import DecisionLog
from whatsit.catalogue.cleaning.picture_table import PictureTable, read_picture_table
from whatsit.catalogue.crops.crop_labels import label_pictures
from whatsit.catalogue.crops.crop_tasks import crop_box_candidates
from whatsit.catalogue.review.photo_candidates import (
    NearestItems,
    Photo,
    box_candidates,
    crop_candidates,
    read_photos,
    unanswered_candidates,
)
from whatsit.catalogue.review.photo_networks import PhotoNetworks
from whatsit.catalogue.review.picture_candidates import (
    Hashes,
    Progress,
    denoise_candidates,
    duplicate_candidates,
    merge_candidates,
)
from whatsit.catalogue.review.queues import queue_of
from whatsit.catalogue.review.task_table import Candidate, Filled, TaskTable
from whatsit.catalogue.serving_pair import own_network
from whatsit.catalogue.store.store import Store

MOST_BOXES = 500  # pictures that one refresh detects in
_BATCH = 200


def refresh(
    store: Store,
    queue: str,
    limit: int | None = None,
    model_repository: Path | None = None,
    progress: Progress = lambda done, total, note: None,
    clock: Callable[[], float] = time.time,
) -> Filled:
    """Fill a review queue; what was decided before is not asked again.

    Tasks are written as they are found, and results of networks are kept: an interrupted refresh goes on where it was.

    Args:
        store: the catalogue.
        queue: its name.
        limit: of `boxes` how many pictures are looked at.
        model_repository: networks of `boxes`, `crops`, `crop_boxes` and `unanswered`; None for Whatsit's own.
        progress: called with steps done, steps in all and what is done.
        clock: of the leases.

    Raises:
        InvalidInput: there is no such queue, or the catalogue has no pictures.
        Unavailable: a network is missing.
    """
    queue_of(queue)
    tasks, filled = TaskTable(store), Filled()
    keys: set[str] = set()
    found = _candidates(store, queue, limit or MOST_BOXES, model_repository, progress)
    with closing(found):
        for batch in _batches(found, 1 if queue == "boxes" else _BATCH):
            keys |= {one.key for one in batch}
            tasks.fill(queue, batch, filled, clock())
    if queue != "boxes":  # of which each refresh looks at others
        tasks.remove_others(queue, keys, filled)
    return filled


def _candidates(
    store: Store, queue: str, limit: int, model_repository: Path | None, progress: Progress
) -> Generator[Candidate, None, None]:
    if queue in ("duplicates", "denoise", "merge"):
        yield from _of_pictures(store, queue, progress)
        return
    with PhotoNetworks(model_repository, own_network(store.folder)) as networks:
        if queue == "boxes":
            yield from box_candidates(store, networks, limit, progress)
            return
        if queue == "crop_boxes":
            yield from crop_box_candidates(label_pictures(store, networks, progress), networks.labels[0])
            return
        photos = read_photos(store, networks, progress)
        nearest = NearestItems(store, networks.fingerprint)
        if queue == "crops":
            yield from crop_candidates(photos, nearest)
        else:
            kinds = _denied_crops(store)
            photos = [Photo(one.click, "none" if one.click in kinds else one.kind, one.vector) for one in photos]
            settled = _clicks(store, "queue = 'unanswered' AND verdict = 'not_for_sale'")
            useless = _clicks(store, "verdict = 'useless'")
            photos = [photo for photo in photos if photo.click not in useless]
            yield from unanswered_candidates(photos, nearest, [one for one in photos if one.click in settled])


def _of_pictures(store: Store, queue: str, progress: Progress) -> Iterator[Candidate]:
    table = _table(store)
    settings = CleaningSettings()
    if queue == "denoise":
        yield from denoise_candidates(table, settings, progress)
        return
    hashes = Hashes.read(store, table, progress)
    if queue == "duplicates":
        yield from duplicate_candidates(table, hashes, DecisionLog(store).denied("duplicates"), progress)
    else:
        yield from merge_candidates(table, hashes, settings, progress)


def _table(store: Store) -> PictureTable:
    table = read_picture_table(store, next(iter(store.fingerprints()), ""))
    if not len(table):
        raise InvalidInput(f"There is nothing to review in {store.path}: no picture in it has a vector.")
    return table


def _denied_crops(store: Store) -> set[int]:
    """Return searched regions that show none of the items, by a reviewer."""
    return _clicks(store, "queue = 'crops' AND verdict = 'none'")


def _clicks(store: Store, condition: str) -> set[int]:
    """Return the photos of decided tasks."""
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT value FROM review_tasks, json_each(subject, '$.clicks') "
            f"WHERE queue IN ('crops', 'unanswered') AND state = 'decided' AND {condition}"
        ).fetchall()
    return {row[0] for row in rows}


def _batches(found: Iterable[Candidate], size: int) -> Iterator[list[Candidate]]:
    iterator = iter(found)
    while batch := list(islice(iterator, size)):
        yield batch
