"""Ingestion: rows of merchants' files become items with pictures and vectors in the store."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.item import Picture, Vector
from whatsit.catalogue.local import local_features
from whatsit.catalogue.sources.row import Row, Skipped
from whatsit.catalogue.store import Store
from whatsit.vision.decode import MAX_BYTES

# What one SIGKILL may cost: so many items, or so many seconds of work, are embedded a second time.
BATCH_ITEMS = 32
BATCH_SECONDS = 2.0

Embed = Callable[[bytes], Sequence[tuple[Box, npt.NDArray[np.float32]]]]


@dataclass
class Report:
    """What came of an ingestion so far.

    Args:
        added: new items.
        updated: items that were there and are different now.
        unchanged: items that were there just so, with vectors of this embedder.
        skipped: rows and pictures that were left out, and why.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Items that are in the store now."""
        return self.added + self.updated + self.unchanged

    def to_record(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": [{"place": one.place, "reason": one.reason} for one in self.skipped],
        }


@dataclass(frozen=True)
class _Prepared:
    """A row whose pictures are embedded; `pictures` is None where the store holds all of it already."""

    row: Row
    pictures: tuple[Picture, ...] | None
    skipped: tuple[Skipped, ...] = ()


def ingest(
    store: Store,
    rows: Iterable[Row | Skipped],
    embed: Embed,
    fingerprint: str,
    *,
    workers: int = 1,
    progress: Callable[[int, Report], None] | None = None,
) -> Report:
    """Put every readable row into the store, with the vectors of its pictures.

    What the store holds already, with vectors by this embedder, is not embedded again, so a run that was interrupted is
    resumed by starting it again. Items are written in batches as they are done; what has been written stays, whatever
    happens later. A row without any readable picture is skipped; a row of which some are readable is kept with those,
    and the others are reported. Where an id comes twice, its first row wins and the others are skipped.

    Args:
        store: the catalogue.
        rows: from one source or several.
        embed: encoded picture -> box and unit vector f32 [D] of each region; called from `workers` threads. It raises
            `InvalidInput` for what is no picture; any other error ends the ingestion.
        fingerprint: of the embedder behind `embed`.
        workers: pictures embedded at once.
        progress: called after every row with the number of rows gone through and the report so far.

    Raises:
        Unavailable: the store cannot be written.
    """
    report = Report()
    pending: list[_Prepared] = []
    written = time.monotonic()
    outcomes = _in_order(_without_duplicates(rows), _preparer(store, embed, fingerprint), workers)
    try:
        with closing(outcomes):
            for done, outcome in enumerate(outcomes, start=1):
                _count(outcome, report, pending)
                if len(pending) >= BATCH_ITEMS or time.monotonic() - written > BATCH_SECONDS:
                    _write(store, pending, fingerprint, report)
                    written = time.monotonic()
                if progress:
                    progress(done, report)
    finally:
        _write(store, pending, fingerprint, report)
    return report


def _count(outcome: _Prepared | Skipped, report: Report, pending: list[_Prepared]) -> None:
    if isinstance(outcome, Skipped):
        report.skipped.append(outcome)
        return
    report.skipped.extend(outcome.skipped)
    if outcome.pictures is None:
        report.unchanged += 1
    else:
        pending.append(outcome)


def _without_duplicates(rows: Iterable[Row | Skipped]) -> Iterator[Row | Skipped]:
    places: dict[str, str] = {}
    for row in rows:
        if isinstance(row, Row) and row.fields.id in places:
            yield Skipped(row.place, f"the id '{row.fields.id}' is already that of {places[row.fields.id]}")
            continue
        if isinstance(row, Row):
            places[row.fields.id] = row.place
        yield row


def _in_order(
    rows: Iterable[Row | Skipped], prepare: Callable[[Row], _Prepared | Skipped], workers: int
) -> Generator[_Prepared | Skipped, None, None]:
    """Prepare rows in threads; outcomes come in the order of the rows, and few rows wait at any time."""
    waiting: deque[Future[_Prepared | Skipped] | Skipped] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="embed") as pool:
        try:
            for row in rows:
                waiting.append(row if isinstance(row, Skipped) else pool.submit(prepare, row))
                if len(waiting) > 2 * workers:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _result(outcome: Future[_Prepared | Skipped] | Skipped) -> _Prepared | Skipped:
    return outcome if isinstance(outcome, Skipped) else outcome.result()


def _preparer(store: Store, embed: Embed, fingerprint: str) -> Callable[[Row], _Prepared | Skipped]:
    keeps_local = store.local.kept

    def prepare(row: Row) -> _Prepared | Skipped:
        before = store.pictures(row.fields.id, fingerprint)
        known = {picture.sha256: picture for picture in before if picture.vectors}
        tried = [_picture(path, known, embed, keeps_local) for path in row.images]
        pictures = tuple(one for one in tried if isinstance(one, Picture))
        skipped = tuple(_at(row, one) for one in tried if isinstance(one, Skipped))
        if not pictures:
            return skipped[0]
        same = [(p.path, p.sha256, len(p.vectors)) for p in before] == [
            (p.path, p.sha256, len(p.vectors)) for p in pictures
        ]
        unchanged = same and store.fields(row.fields.id) == row.fields
        return _Prepared(row, None if unchanged else pictures, skipped)

    return prepare


def _picture(path: Path, known: Mapping[str, Picture], embed: Embed, keeps_local: bool) -> Picture | Skipped:
    try:
        data = _read(path)
        sha256 = hashlib.sha256(data).hexdigest()
        same = known.get(sha256)
        vectors = same.vectors if same else _vectors(embed(data))
        local = same.local if same else None
        if keeps_local and local is None:
            local = local_features(data)
        return Picture(str(path.resolve()), sha256, vectors, local)
    except InvalidInput as error:
        return Skipped(str(path), str(error).rstrip("."))


def _at(row: Row, skipped: Skipped) -> Skipped:
    """A picture's refusal with the place of its row, where that is not the picture itself."""
    return skipped if row.place == skipped.place else Skipped(row.place, f"{skipped.place}: {skipped.reason}")


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InvalidInput("there is no such picture")
        with path.open("rb") as file:
            # One byte more than is allowed is enough for the refusal, whatever the file's size.
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"the picture cannot be read ({error.strerror or error})") from error


def _vectors(regions: Sequence[tuple[Box, npt.NDArray[np.float32]]]) -> tuple[Vector, ...]:
    vectors = tuple(Vector(box, np.asarray(values, dtype=np.float32)) for box, values in regions)
    if not vectors or not all(np.isfinite(vector.values).all() for vector in vectors):
        raise InvalidInput("the networks found nothing to embed in the picture")
    return vectors


def _write(store: Store, pending: list[_Prepared], fingerprint: str, report: Report) -> None:
    if not pending:
        return
    put = store.put((one.row.fields, one.pictures or (), fingerprint) for one in pending)
    report.added += put.count("added")
    report.updated += put.count("updated")
    pending.clear()
