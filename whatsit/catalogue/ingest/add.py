"""Adding merchants' files to a catalogue, embedded by the server's own networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.backends import check_embedded, open_embedded, open_store, set_store_url, store_url
from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.ingest.ingest_report import Report
from whatsit.catalogue.ingest.ingest_run import Engine, ingest
from whatsit.catalogue.ingest.picture_analysis import checked_steps
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.catalogue.ingest.prepare import Settings
from whatsit.catalogue.ingest.ray_executor import OnRay
from whatsit.catalogue.ingest.thread_executor import InThreads
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.publish import NO_INDEX, Published, compact_note, published
from whatsit.catalogue.publish import publish as publish_index
from whatsit.catalogue.serving_pair import own_network
from whatsit.catalogue.sources import Skipped, SourceOptions, open_source
from whatsit.catalogue.store.store import Store
from whatsit.catalogue.web import Downloads
from whatsit.engines.available_cores import available_cores
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.index.shard_files import Progress, quiet

ENGINES = ("local", "ray")
_NO_OBJECTS = "where the objects in pictures are not indexed: leave out --objects and --no-objects"
_NO_VIEWS = "where pictures are embedded by one view: leave out --views and --no-views"
_KEPT_NOWHERE = (
    "where neither results of steps nor pictures are kept: leave out --keep-pictures, and --steps or give none"
)


@dataclass(frozen=True)
class Added:
    """The outcome of adding.

    Args:
        report: of the rows and pictures.
        published: the index written afterwards, None where none was.
        hint: the sentence that names what is left to do, None for nothing.
    """

    report: Report
    published: Published | None = None
    hint: str | None = None


def add_to_catalogue(
    folder: Path,
    *sources: Path | str,
    options: SourceOptions | None = None,
    store: str | None = None,
    publish: bool = False,
    geometry: bool | None = None,
    objects: bool | None = None,
    views: bool | None = None,
    steps: Sequence[str] | None = None,
    keep_pictures: bool = False,
    refetch: bool = False,
    allow_private: bool = False,
    contact: str | None = None,
    workers: int = 0,
    engine: str = "local",
    ray_address: str | None = None,
    model_repository: Path | None = None,
    target: str = "onnxruntime",
    progress: Callable[[int, int, Report], None] | None = None,
    stages: Progress = quiet,
) -> Added:
    """Add the items of sources to a catalogue, or update those whose id is there.

    What is there already is not embedded again, so an interrupted call is resumed by the same call.

    Args:
        folder: of the catalogue, made if it is not there.
        sources: see `open_source`.
        options: what the caller knows of the sources.
        store: address of the store in Milvus, for a new catalogue that is not kept in the folder.
        publish: write the index afterwards, unless nothing was added.
        geometry: see `whatsit.catalogue.publish.publish`.
        objects: True indexes each object in a picture too, in this call and all later ones; False drops those that are
            indexed; None leaves it as it is.
        views: True embeds several views of each picture (see `whatsit.pipeline.catalogue_views`), in this call and all
            later ones, where the catalogue holds no pictures yet; False embeds one; None leaves it as it is.
        steps: beside embedding, of `CHOICES`; None for `DEFAULT_STEPS`, or for none where their results are not kept.
        keep_pictures: keep the bytes of pictures from the web in the folder.
        refetch: fetch pictures from the web again that the catalogue has.
        allow_private: fetch from private addresses too.
        contact: who runs the import; see `Downloads`.
        workers: pictures analysed at once; 0 for one per core.
        engine: `local` for threads of this process, or `ray`.
        ray_address: of a Ray cluster; None to start Ray on this machine.
        model_repository: see `PictureAnalyzer`.
        target: see `PictureAnalyzer`.
        progress: called now and then with rows done, rows in all (about) and the report so far.
        stages: called while the index is built.

    Raises:
        InvalidInput: a source cannot be read, there is no such engine or step, the store cannot do what is asked, or
            its pictures are embedded by other `views`.
        Unavailable: a network is missing, or the catalogue cannot be written.
    """
    downloads = Downloads(allow_private=allow_private, contact=contact)
    if engine not in ENGINES:
        raise InvalidInput(f"There is no engine '{engine}'; the engines are {' and '.join(ENGINES)}.")
    settings = None if steps is None else Settings(checked_steps(steps))
    url = store or store_url(folder)
    if publish:
        check_embedded(folder, url, NO_INDEX)
    if objects is not None:
        check_embedded(folder, url, _NO_OBJECTS)
    if views is not None:
        check_embedded(folder, url, _NO_VIEWS)
    if (settings and settings.steps) or keep_pictures:
        check_embedded(folder, url, _KEPT_NOWHERE)
    if settings is None:
        settings = Settings() if url is None else Settings(frozenset())
    own = Layout(folder).pictures
    settings = Settings(
        settings.steps, refetch=refetch, keep=own if keep_pictures else None, own=own if url is None else None
    )
    workers = workers or available_cores()
    opened = [open_source(source, options, downloads) for source in sources]
    guesses = [
        Skipped(str(path), note) for path, source in zip(sources, opened, strict=True) for note in source.notes()
    ]
    total = sum(one.count() for one in opened)
    if store is not None:
        set_store_url(folder, store)
    with (
        _open_engine(folder, model_repository, target, workers, engine, ray_address) as (on, fingerprint),
        closing(open_store(folder)) as items,
    ):
        if views is not None:
            keep_views(items, views)
        if objects is not None:
            keep_objects(items, objects)
        report = ingest(
            items,
            (row for source in opened for row in source),
            on,
            fingerprint,
            settings=settings,
            fetch=Fetch(downloads),
            progress=None if progress is None else lambda done, so_far: progress(done, total, so_far),
        )
    report.note(*guesses)
    if not report.kept or url is not None:
        return Added(report)
    with open_embedded(folder, NO_INDEX) as embedded:
        if embedded.keeps_objects and (lacking := embedded.objects.lacking()):
            report.note(Skipped(str(folder), f"{lacking} pictures lack their objects: add their files again"))
        if publish:
            return Added(report, publish_index(embedded, Layout(folder).index, fingerprint, geometry, stages))
        manifest = published(Layout(folder).index)
        if manifest is None:
            return Added(report, None, f"Publish the index with: whatsit catalogue publish {folder}")
        return Added(report, None, compact_note(embedded.changes.pending(manifest.sequence)))


def keep_objects(store: CatalogueStore, wanted: bool) -> None:
    """Index the objects in a catalogue's pictures from now on, or drop those indexed.

    Raises:
        InvalidInput: the store keeps none.
    """
    if not isinstance(store, Store):
        raise InvalidInput(f"This catalogue is in Milvus, {_NO_OBJECTS}.")
    if store.keeps_objects != wanted:
        store.objects.keep(wanted)


def keep_views(store: CatalogueStore, wanted: bool) -> None:
    """Embed a catalogue's pictures by several views from now on, or by one.

    Raises:
        InvalidInput: the store takes one alone, or pictures are embedded in the other way.
    """
    if not isinstance(store, Store):
        raise InvalidInput(f"This catalogue is in Milvus, {_NO_VIEWS}.")
    store.views.keep(wanted)


def index_source(
    catalogue: Path,
    source: Path,
    *,
    workers: int | None = None,
    geometry: bool | None = None,
    progress: Callable[[int, int, Report], None] | None = None,
) -> Report:
    """Add a source and publish; deprecated: call `add_to_catalogue(…, publish=True)`."""
    warnings.warn("index_source is deprecated: call add_to_catalogue.", DeprecationWarning, stacklevel=2)
    options: dict[str, Any] = {"geometry": geometry, "workers": workers or 0, "progress": progress}
    return add_to_catalogue(catalogue, source, publish=True, **options).report


@contextmanager
def _open_engine(
    folder: Path, model_repository: Path | None, target: str, workers: int, engine: str, address: str | None
) -> Iterator[tuple[Engine, str]]:
    """Open the networks in this process, or an engine of actors that open them.

    Yields:
        The engine, and the embedder's fingerprint.
    """
    embedder = own_network(folder)
    if engine == "local":
        with PictureAnalyzer(model_repository, target, embedder) as analyzer:
            yield InThreads(analyzer, workers), analyzer.fingerprint
        return
    file = embedder or network_file(model_repository or default_root() / "model_repository", "embedder")
    yield (
        OnRay(partial(PictureAnalyzer, model_repository, target, embedder), workers, address),
        embedder_fingerprint(file),
    )
