"""Figures of the owner's report, collected from one catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.owner_report.picture_faults import PictureFault, find_faults
from whatsit.catalogue.review.catalogue_overview import read_counts, read_searches
from whatsit.catalogue.review.photo_candidates import NearestItems, Photo, read_photos, unanswered_candidates
from whatsit.catalogue.review.photo_networks import PhotoNetworks
from whatsit.catalogue.serving_pair import own_network
from whatsit.catalogue.store.store import Store

Progress = Callable[[str, int, int], None]
MOST_READ = 1_000  # pictures that are read for faults


@dataclass(frozen=True)
class Cluster:
    """Searches for one thing that nobody could answer.

    Args:
        searches: how many.
        last: when the latest was made, UTC, ISO 8601.
        photos: paths and boxes of the photos, as in the click log.
        nearest: id and cosine of the nearest items.
    """

    searches: int
    last: str
    photos: tuple[tuple[str, str | None], ...]
    nearest: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class ConfusedPair:
    """Two items between which searches could not tell.

    Args:
        one: id.
        other: id.
        searches: how many.
    """

    one: str
    other: str
    searches: int


@dataclass(frozen=True)
class CatalogueReport:
    """The report.

    Args:
        name: of the catalogue.
        since: first day.
        until: last day.
        counts: items and pictures.
        searches: by day and in all.
        clusters: looked for in vain, the most wanted first.
        never_found: ids of items that no search answered with, the latest added first.
        never_count: how many there are.
        confused: pairs, the most frequent first.
        faults: pictures to retake, the most searched for first.
        records: id -> record of each item that is named.
    """

    name: str
    since: str
    until: str
    counts: dict[str, int]
    searches: dict[str, Any]
    clusters: tuple[Cluster, ...]
    never_found: tuple[str, ...]
    never_count: int
    confused: tuple[ConfusedPair, ...]
    faults: tuple[PictureFault, ...]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        record = asdict(self)
        for one in record["clusters"]:
            one["photos"] = [Path(path).name for path, _ in one["photos"]]
        items = {
            id: {name: item[name] for name in ("id", "title", "brand", "category")} for id, item in self.records.items()
        }
        return {**record, "records": items}


def make_report(
    store: Store,
    days: int = 7,
    limit: int = 12,
    now: datetime | None = None,
    model_repository: Path | None = None,
    name: str | None = None,
    progress: Progress = lambda step, done, total: None,
) -> CatalogueReport:
    """Collect the report of the last days.

    Args:
        store: the catalogue.
        days: that are looked at, today included.
        limit: entries of each section.
        now: the end; None for this moment.
        model_repository: networks for photos whose vectors are not known; None for Whatsit's own.
        name: of the catalogue in the report; None for its folder's.
        progress: called with the step, and how much of it is done.

    Raises:
        InvalidInput: the catalogue has no items.
        Unavailable: a network is missing.
    """
    now = now or datetime.now(timezone.utc)
    since = (now - timedelta(days=days - 1)).date().isoformat()
    counts = read_counts(store)
    if not counts["items"]:
        raise InvalidInput(f"There is nothing to report of {store.path}: it has no items.")
    found = _found(store, since)
    confused = _confused(store, since, limit)
    searches = read_searches(store, days, now.date())
    never = _never_found(store, found, since) if any(searches["total"].values()) else []
    weights = dict(found)
    for pair in confused:
        for id in (pair.one, pair.other):
            weights[id] = weights.get(id, 0) + pair.searches
    faults = find_faults(store, weights, MOST_READ, limit, lambda done, total: progress("pictures", done, total))
    clusters = _clusters(store, since, limit, model_repository, progress)
    named = {id for pair in confused for id in (pair.one, pair.other)} | set(never[:limit])
    named |= {fault.item for fault in faults} | {one["id"] for cluster in clusters for one in cluster.nearest}
    return CatalogueReport(
        name=name or store.folder.name,
        since=since,
        until=now.date().isoformat(),
        counts=counts,
        searches=searches,
        clusters=tuple(clusters),
        never_found=tuple(never[:limit]),
        never_count=len(never),
        confused=tuple(confused),
        faults=tuple(faults),
        records=_records(store, named),
    )


def _found(store: Store, since: str) -> dict[str, int]:
    with store.snapshot() as connection:
        return dict(
            connection.execute("SELECT item, sum(searches) FROM found_counts WHERE day >= ? GROUP BY item", (since,))
        )


def _confused(store: Store, since: str, limit: int) -> list[ConfusedPair]:
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT one, other, sum(searches) FROM confused_counts WHERE day >= ? "
            "AND EXISTS (SELECT 1 FROM items WHERE id = one AND merged_into IS NULL) "
            "AND EXISTS (SELECT 1 FROM items WHERE id = other AND merged_into IS NULL) "
            "GROUP BY one, other ORDER BY 3 DESC, one, other LIMIT ?",
            (since, limit),
        ).fetchall()
    return [ConfusedPair(*row) for row in rows]


def _never_found(store: Store, found: dict[str, int], since: str) -> list[str]:
    """Return items that were there all the time and that no search answered with."""
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT id FROM items WHERE merged_into IS NULL ORDER BY added > ?, number DESC", (since,)
        ).fetchall()
    return [id for (id,) in rows if id not in found]


def _clusters(store: Store, since: str, limit: int, model_repository: Path | None, progress: Progress) -> list[Cluster]:
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT click, path, box, made, kind, vector, fingerprint FROM clicks "
            "LEFT JOIN click_vectors USING (click) WHERE kind != 'match' AND made >= ? ORDER BY click",
            (since,),
        ).fetchall()
    if not rows:
        return []
    known = next(iter(store.fingerprints()), "")
    if all(fingerprint == known for *_, fingerprint in rows):
        photos = [Photo(row[0], row[4], np.frombuffer(row[5], dtype="<f4")) for row in rows]
    else:
        with PhotoNetworks(model_repository, own_network(store.folder)) as networks:
            known = networks.fingerprint
            photos = read_photos(store, networks, lambda done, total, note: progress(note, done, total))
    of = {click: (path, box, made) for click, path, box, made, *_ in rows}
    wanted = [photo for photo in photos if photo.click in of]
    return [_cluster(one.subject, of) for one in unanswered_candidates(wanted, NearestItems(store, known), [])][:limit]


def _cluster(subject: dict[str, Any], of: dict[int, tuple[str, str | None, str]]) -> Cluster:
    photos = [of[click] for click in subject["clicks"]]
    return Cluster(
        searches=len(photos),
        last=max(made for _, _, made in photos),
        photos=tuple((path, box) for path, box, _ in photos),
        nearest=tuple(subject["proposals"][:3]),
    )


def _records(store: Store, ids: set[str]) -> dict[str, dict[str, Any]]:
    numbers = _numbers(store, sorted(ids))
    return {record["id"]: record for record in store.records(numbers).values()}


def _numbers(store: Store, ids: Sequence[str]) -> list[int]:
    import json

    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT number FROM items WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
        ).fetchall()
    return [row[0] for row in rows]
