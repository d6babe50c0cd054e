"""The whole of an ingestion: plan, prepare on an engine, write."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Protocol

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.ingest.ingest_report import Report
from whatsit.catalogue.ingest.picture_analysis import DEFAULT_STEPS, catalogue_steps
from whatsit.catalogue.ingest.plan import Batch, plan
from whatsit.catalogue.ingest.prepare import Done, Settings
from whatsit.catalogue.ingest.writer import Writer
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.sources.source_row import Row, Skipped

# Rows that go through the steps together: few, so that little is lost when the process is killed.
BATCH_ROWS = 8


class Engine(Protocol):
    """Prepares batches: `InThreads` of this process, or `OnRay`."""

    def __call__(self, batches: Iterable[Batch], fetch: Fetch, settings: Settings) -> Generator[Done, None, None]:
        """Prepare the batches; what is done comes in their order."""


def ingest(
    store: CatalogueStore,
    rows: Iterable[Row | Skipped],
    engine: Engine,
    fingerprint: str,
    *,
    settings: Settings | None = None,
    fetch: Fetch | None = None,
    progress: Callable[[int, Report], None] | None = None,
) -> Report:
    """Put every readable row into the store, with the vectors of its pictures.

    What the store holds already, with vectors by this embedder, is not embedded again, so a run that was interrupted is
    resumed by starting it again. Items are written in batches as they are done, in the order of the rows; what has been
    written stays, whatever happens later. A row without any readable picture is skipped; a row of which some are
    readable is kept with those, and the others are reported. Where an id comes twice, its first row wins and the others
    are skipped; where an item has the same file twice, it is kept once.

    Args:
        store: the catalogue.
        rows: from one source or several.
        engine: prepares the batches, such as `InThreads(analyzer)`.
        fingerprint: of the engine's embedder.
        settings: which steps are taken; None for the default steps, or for none where the store keeps no results.
        fetch: reads pictures; limits for the web stand there.
        progress: called after every row with the number of rows gone through and the report so far.

    Raises:
        InvalidInput: the store keeps no results of the steps, or no pictures.
        Unavailable: the store cannot be written.
    """
    settings = settings or Settings(DEFAULT_STEPS if store.keeps_metadata else frozenset())
    if not store.keeps_metadata and (settings.steps or settings.keep):
        raise InvalidInput(
            "A catalogue in Milvus keeps neither results of steps nor pictures: leave out --steps and --keep-pictures."
        )
    settings = replace(settings, steps=settings.steps | catalogue_steps(store), local=store.keeps_local)
    report = Report()
    writer = Writer(store, fingerprint, report, settings.keep or settings.own)
    fetch = fetch or Fetch()
    batches = plan(store, rows, fingerprint, BATCH_ROWS)
    outcomes = engine(batches, fetch, settings)
    done = 0
    try:
        with closing(outcomes):
            for batch in outcomes:
                for outcome in batch:
                    done += 1
                    writer.take(outcome)
                    if progress:
                        progress(done, report)
    finally:
        writer.write()
    return report
