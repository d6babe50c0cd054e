"""From a merchant's file to an index that a server can open, embedded by the server's own networks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from whatsit.catalogue.ingest import PictureAnalysisSteps, Report, ingest
from whatsit.catalogue.ingest.ingest_run import Engine
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.catalogue.ingest.ray_executor import OnRay
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.sources import open_source
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file


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
        source: see `open_source`.
        workers: pictures looked at at once; None for one per core.
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
    with PictureAnalyzer() as look, Store(layout.store) as store:
        report = ingest(
            store,
            opened,
            look,
            look.fingerprint,
            workers=workers or os.cpu_count() or 1,
            progress=(lambda done, so_far: progress(done, total, so_far)) if progress else None,
        )
        publish(store, layout.index, look.fingerprint, geometry)
    return report


@contextmanager
def networks(
    model_repository: Path | None, target: str, ray_actors: int = 0, address: str | None = None
) -> Iterator[tuple[PictureAnalysisSteps | None, Engine | None, str]]:
    """What `ingest` needs of the networks: `look` in this process, or an engine of actors that load them themselves.

    Args:
        model_repository: see `PictureAnalyzer`.
        target: see `PictureAnalyzer`.
        ray_actors: how many actors on Ray Data; 0 for threads of this process.
        address: of a Ray cluster.

    Yields:
        `look`, `engine` (one of them None), and the embedder's fingerprint.
    """
    if not ray_actors:
        with PictureAnalyzer(model_repository, target) as look:
            yield look, None, look.fingerprint
        return
    file = network_file(model_repository or default_root() / "model_repository", "embedder")
    yield (
        None,
        OnRay(partial(PictureAnalyzer, model_repository, target), ray_actors, address),
        embedder_fingerprint(file),
    )
