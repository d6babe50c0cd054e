"""From a merchant's file to an index that a server can open, embedded by the server's own networks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from whatsit.catalogue.ingest import Report, ingest
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.sources import open_source
from whatsit.catalogue.store import Store
from whatsit.serving.pipeline import Pipeline


def index_source(
    catalogue: Path,
    source: Path,
    *,
    workers: int | None = None,
    geometry: bool | None = None,
    progress: Callable[[int, int, Report], None] | None = None,
) -> Report:
    """Add a source to a catalogue and publish it; what is there already is not embedded again.

    Args:
        catalogue: the catalogue's folder, made if it is not there.
        source: folder of pictures, or CSV, JSON Lines or Parquet file.
        workers: pictures embedded at once; None for one per core.
        geometry: True keeps local features of every picture too; see `publish`.
        progress: called now and then with rows done, rows in all (about) and the report so far.

    Raises:
        InvalidInput: the source cannot be read.
        Unavailable: a network is missing, or the catalogue cannot be written.
    """
    layout = Layout(catalogue)
    opened = open_source(source)
    total = opened.count()
    catalogue.mkdir(parents=True, exist_ok=True)
    with Pipeline() as pipeline, Store(layout.store) as store:
        report = ingest(
            store,
            opened,
            pipeline.embed_item,
            pipeline.fingerprint,
            workers=workers or os.cpu_count() or 1,
            progress=(lambda done, so_far: progress(done, total, so_far)) if progress else None,
        )
        publish(store, layout.index, pipeline.fingerprint, geometry)
    return report
