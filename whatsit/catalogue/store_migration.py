"""Moving a catalogue from one engine to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.backends import open_index_view, open_store, store_url, write_address
from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.milvus.milvus_store import MilvusStore
from whatsit.catalogue.milvus.milvus_url import Address
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store
from whatsit.index.shard import Floats, Numbers

_BATCH = 200
SAMPLE = 20
_NEIGHBOURS = 10
ENOUGH = 0.9
"""Of the items that the old engine finds, the new one must find so many: both may be approximate."""

Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Migrated:
    """The outcome of a migration.

    Args:
        items: in the catalogue.
        written: of these; the others were there already, from a run before.
        searches: that were made in both engines to compare them.
        agreement: of what they found, 0..1.
    """

    items: int
    written: int
    searches: int
    agreement: float


def migrate_catalogue(folder: Path, url: str | None, progress: Progress = no_progress) -> Migrated:
    """Move the catalogue of a folder to another store, which the folder then names.

    The store before keeps its copy.

    Args:
        folder: of the catalogue.
        url: of the store in Milvus, None for the folder itself.
        progress: called with items done and in all.

    Raises:
        InvalidInput: the catalogue is there already, or the address is none; see `migrate`.
        Unavailable: see `migrate`.
    """
    if url == store_url(folder):
        raise InvalidInput(f"The catalogue of {folder} is there already.")
    address = None if url is None else Address.parse(url)
    with closing(open_store(folder, read_only=True)) as source:
        if address is not None and source.keeps_objects:
            raise InvalidInput(
                f"The catalogue of {folder} indexes the objects in its pictures, and Milvus keeps none: drop them with "
                "'whatsit catalogue add DIR SOURCE --no-objects', then move it."
            )
        if address is not None and source.keeps_views:
            raise InvalidInput(
                f"The catalogue of {folder} embeds pictures by several views, and Milvus takes one: add their files to "
                "a new folder with 'whatsit catalogue add NEW SOURCE --store ADDRESS'."
            )
        if address is not None:
            with MilvusStore(address) as target:
                done = migrate(source, target, folder, progress=progress)
        else:
            with Store(Layout(folder).store) as embedded:
                index = Layout(folder).index
                done = migrate(source, embedded, folder, None, progress, lambda: publish(embedded, index))
    write_address(folder, url)
    return done


def migrate(
    source: CatalogueStore,
    target: CatalogueStore,
    source_folder: Path,
    fingerprint: str | None = None,
    progress: Progress = no_progress,
    prepare: Callable[[], object] = lambda: None,
) -> Migrated:
    """Write a catalogue's items with one embedder's vectors to another; compare both.

    An item that is there with the same fields and pictures is skipped, so a run that was interrupted is resumed by
    starting it again. What cleaning decided is put into effect: dropped pictures stay behind, and a merged item's are
    the main one's. Items that change meanwhile may be missed: run it again.

    Args:
        source: is not changed.
        target: to be written.
        source_folder: of the source, for its index.
        fingerprint: the embedder; None for the one that was used last.
        progress: called with items done and in all.
        prepare: called between writing and comparing, such as to publish an index.

    Raises:
        InvalidInput: no item has vectors.
        Unavailable: the source was never published, or the target holds other items too, or finds others.
    """
    known = source.fingerprints()
    fingerprint = fingerprint or (known[0] if known else None)
    if fingerprint is None:
        raise InvalidInput("The catalogue holds no vectors: there is nothing to move.")
    open_index_view(source, source_folder, fingerprint)  # refused now, not at the end, where it cannot be searched
    numbers = source.select(Filter.parse({}))
    written = 0
    for start in range(0, len(numbers), _BATCH):
        records = source.records(numbers[start : start + _BATCH].tolist())
        batch = list(_items(source, [record["id"] for record in records.values()], fingerprint))
        there = target.unchanged(batch, fingerprint)
        new = [(*one, fingerprint) for one in batch if one[0].id not in there]
        written += len(new)
        if new:
            target.put(new)
        progress(min(start + _BATCH, len(numbers)), len(numbers))
    prepare()
    if target.count() != len(numbers):
        raise Unavailable(
            f"{len(numbers)} items were moved and {target.count()} are there now: the place was not empty, or the "
            "catalogue changed meanwhile. Run it again, or name another place."
        )
    searches, agreement = _compared(source, target, source_folder, fingerprint, numbers)
    if agreement < ENOUGH:
        raise Unavailable(
            f"In {searches} searches the new catalogue found only {agreement:.0%} of what the old one finds; "
            "the old one stays in use."
        )
    return Migrated(len(numbers), written, searches, agreement)


def _items(
    source: CatalogueStore, ids: Sequence[str], fingerprint: str
) -> Iterator[tuple[ItemFields, tuple[Picture, ...]]]:
    for id in ids:
        fields = source.fields(id)
        if fields is None:  # deleted meanwhile
            continue
        members = [id, *source.merged_into(id)]
        yield fields, tuple(picture for member in members for picture in _visible(source, member, fingerprint))


def _visible(source: CatalogueStore, id: str, fingerprint: str) -> Iterator[Picture]:
    shown = source.show(id)["images"]
    for picture, image in zip(source.pictures(id, fingerprint), shown, strict=True):
        if not image["hidden"]:
            yield replace(picture, local=None)


def _compared(
    source: CatalogueStore, target: CatalogueStore, source_folder: Path, fingerprint: str, numbers: Numbers
) -> tuple[int, float]:
    """Return the number of compared searches and the share of equal ids."""
    chosen = np.random.default_rng(0).choice(numbers, size=min(SAMPLE, len(numbers)), replace=False)
    ids = [record["id"] for record in source.records(chosen.tolist()).values()]
    vectors = [p.vectors[0].values for id in ids for p in source.pictures(id, fingerprint)[:1] if p.vectors]
    if not vectors:
        return 0, 1.0
    queries = np.stack(vectors)
    before = _found(source, source_folder, fingerprint, queries)
    after = _found(target, source_folder, fingerprint, queries)
    same = [len(set(one) & set(other)) / max(len(one), 1) for one, other in zip(before, after, strict=True)]
    return len(queries), float(np.mean(same))


def _found(items: CatalogueStore, folder: Path, fingerprint: str, queries: Floats) -> list[list[str]]:
    found = open_index_view(items, folder, fingerprint).now().search(queries, _NEIGHBOURS)[1]
    records = items.records(found.ravel().tolist())
    return [[records[number]["id"] for number in row if number in records] for row in found.tolist()]
