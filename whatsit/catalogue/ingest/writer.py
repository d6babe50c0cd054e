"""Last step: write items in batches, in the order of their rows."""

from __future__ import annotations

import time
from pathlib import Path

from whatsit.catalogue.ingest.ingest_report import Report
from whatsit.catalogue.ingest.prepare import Prepared
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.sources.source_row import Skipped
from whatsit.catalogue.store.picture_files import forget_pictures

# What one SIGKILL may cost beside what is in the threads: so many items, or so many seconds of work.
BATCH_ITEMS = 32
BATCH_SECONDS = 2.0


class Writer:
    """Collects what is done, and writes it.

    Args:
        store: the catalogue.
        fingerprint: of the embedder.
        report: counts what was written.
        keep: folder of the kept pictures.
    """

    def __init__(self, store: CatalogueStore, fingerprint: str, report: Report, keep: Path | None) -> None:
        self._store, self._fingerprint, self._report, self._keep = store, fingerprint, report, keep
        self._pending: list[Prepared] = []
        self._written = time.monotonic()

    def take(self, outcome: Prepared | Skipped) -> None:
        """Count a row, and write the batch that it completes."""
        if isinstance(outcome, Skipped):
            self._report.skip(outcome)
            self._report.skipped_rows += 1
            return
        self._report.skip(*outcome.skipped)
        self._report.note(*outcome.notes)
        if outcome.pictures is None:
            self._report.unchanged += 1
            return
        self._pending.append(outcome)
        if len(self._pending) >= BATCH_ITEMS or time.monotonic() - self._written > BATCH_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what waits."""
        self._written = time.monotonic()
        if not self._pending:
            return
        put = self._store.put((one.task.row.fields, one.pictures or (), self._fingerprint) for one in self._pending)
        self._report.added += put.count("added")
        self._report.updated += put.count("updated")
        for one in self._pending:
            self._note_shared_files(one)
            self._forget(one)
        self._pending.clear()

    def _note_shared_files(self, one: Prepared) -> None:
        """Report pictures whose file another item has too; they are kept."""
        if not self._store.keeps_metadata:
            return
        known = {picture.sha256 for picture in one.task.before}
        for picture in one.pictures or ():
            if picture.sha256 in known or picture.facts.md5 is None:
                continue
            other = self._store.facts.item_with_file(one.task.row.fields.id, picture.facts.md5)
            if other is not None:
                reason = f"{picture.path} is the same file as a picture of item '{other}'"
                self._report.note(Skipped(one.task.row.place, reason))

    def _forget(self, one: Prepared) -> None:
        """Delete kept bytes of pictures that the item no longer has."""
        if self._keep is None:
            return
        kept = {picture.facts.kept for picture in one.pictures or ()}
        paths = {picture.path for picture in one.pictures or ()}
        gone = (
            picture
            for picture in one.task.before
            if (picture.path not in paths if picture.facts.kept is None else picture.facts.kept not in kept)
        )
        forget_pictures(self._keep, gone)
