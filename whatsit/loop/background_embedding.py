"""Embedding of a catalogue by a second network, beside a running server."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.ingest.embed_again import RegionEmbedder
from whatsit.catalogue.item import Vector
from whatsit.catalogue.store.kept_embedders import PictureRow
from whatsit.catalogue.store.picture_files import read_picture
from whatsit.catalogue.store.store import Store
from whatsit.catalogue.web import Downloads

# What one SIGKILL may cost: so many pictures a thread.
_BATCH = 16
_WEB = ("http://", "https://")

Embedded = tuple[PictureRow, tuple[Vector, ...]]
# Embeds pictures; a sentence in place of the vectors of one that cannot be embedded.
EmbedRows = Callable[[Sequence[PictureRow]], Iterator[tuple[PictureRow, tuple[Vector, ...] | str]]]


@dataclass(frozen=True)
class Pace:
    """Limits on the work, so that queries keep their latency.

    Args:
        threads: pictures embedded at once.
        share: of the time of each thread that it works, 0..1; it rests for the remainder.
    """

    threads: int = 1
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.threads < 1 or not 0.01 <= self.share <= 1.0:
            raise InvalidInput("A pace has 1 thread or more, and a share of 0.01 to 1 of their time.")


def work_in_idle_time() -> None:
    """Let this process, its threads and its children run only where cores are idle."""
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        os.nice(19)


def work_behind_queries() -> None:
    """Let queries go first, for commands that somebody waits for."""
    with suppress(OSError):
        os.nice(15)


def embed_lacking(
    store: Store,
    fingerprint: str,
    reference: str,
    embed: EmbedRows,
    log: bool,
    progress: Callable[[int, int], None] = lambda done, total: None,
    batch: int = _BATCH,
) -> dict[int, str]:
    """Embed every picture that has vectors of one embedder and none of another.

    What was written stays when the work is interrupted, and the next call goes on behind it. Pictures are written as
    they come, 16 at a time.

    Args:
        store: the catalogue, which may change meanwhile.
        fingerprint: of the embedder whose vectors are lacking.
        reference: of the embedder whose regions are embedded.
        embed: embeds pictures.
        log: note the items as changed, where servers have opened the index of `fingerprint`.
        progress: called with pictures that have the vectors, and with how many there are.
        batch: pictures that `embed` is given at once.

    Returns:
        Picture -> sentence, of those that cannot be embedded.
    """
    left_out: dict[int, str] = {}
    while True:  # until a whole pass finds nothing new: items change meanwhile
        after, found = 0, 0
        while rows := store.embedders.next_lacking(fingerprint, reference, after, batch):
            after = rows[-1].image
            outcomes = iter(embed([row for row in rows if row.image not in left_out]))
            while some := list(islice(outcomes, _BATCH)):
                done: list[Embedded] = []
                for row, vectors in some:
                    if isinstance(vectors, str):
                        left_out[row.image] = vectors
                    else:
                        done.append((row, vectors))
                found += store.embedders.add(fingerprint, done, log)
                total = store.embedders.pictures(reference)
                progress(total - store.embedders.lacking(fingerprint, reference), total)
        if not found:
            return left_out


# Opens the embedding by a network at a pace; gives what embeds, and how many pictures it takes at once.
OpenEmbedding = Callable[[Path, Store, Pace], AbstractContextManager[tuple[EmbedRows, int]]]


@contextmanager
def local_embedding(network: Path, store: Store, pace: Pace) -> Iterator[tuple[EmbedRows, int]]:
    """Embed in threads of this process."""
    with LocalEmbedding(network, store, pace) as embed:
        yield embed, _BATCH


class LocalEmbedding:
    """Embeds pictures in threads of this process, at a pace.

    Args:
        network: file of the embedder.
        store: the catalogue.
        pace: limits on the work.
    """

    def __init__(self, network: Path, store: Store, pace: Pace) -> None:
        self._embedder = RegionEmbedder(network, store.keeps_views)
        self._store, self._pace = store, pace
        self._downloads = Downloads()
        self._pool = ThreadPoolExecutor(pace.threads, "embed")

    def __enter__(self) -> LocalEmbedding:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._embedder.close()

    def __call__(self, rows: Sequence[PictureRow]) -> Iterator[tuple[PictureRow, tuple[Vector, ...] | str]]:
        """Embed pictures; see `EmbedRows`."""
        places = [self._store.places(picture_place(row)) for row in rows]
        yield from zip(rows, self._pool.map(self._embed, rows, places), strict=True)

    def _embed(self, row: PictureRow, place: str) -> tuple[Vector, ...] | str:
        begin = time.monotonic()
        try:
            return embed_row(self._embedder, row, place, self._store.folder, self._downloads)
        finally:
            time.sleep((time.monotonic() - begin) * (1.0 / self._pace.share - 1.0))


def picture_place(row: PictureRow) -> str:
    """Return where the catalogue has a picture's bytes."""
    return row.path if row.kept is None else f"pictures/{row.kept}"


def embed_row(
    embedder: RegionEmbedder, row: PictureRow, place: str, folder: Path, downloads: Downloads
) -> tuple[Vector, ...] | str:
    """Return the vectors of a picture, or a sentence where its bytes are not there."""
    try:
        data = downloads.get(place) if place.startswith(_WEB) else read_picture(place, folder)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            return f"{row.path} is not the picture that was catalogued: add its file again."
        return embedder(data, row.vectors)
    except InvalidInput as error:
        return str(error)
