"""`whatsit catalogue publish` and `compact`: write the index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.catalogue.options import AsJson, Folder

if TYPE_CHECKING:
    from whatsit.catalogue.publish import Published
    from whatsit.catalogue.store.store import Store
    from whatsit.index.index_budget import IndexBudget


def publish(
    folder: Folder,
    geometry: Annotated[
        bool | None,
        typer.Option(
            "--geometry/--no-geometry",
            help="Keep local features of every picture for the ranking stage 'geometry' (40 kB a picture), or drop "
            "them; as it was unless given.",
            show_default=False,
        ),
    ] = None,
    max_query_ms: Annotated[
        float | None, typer.Option(help="Budget: milliseconds of a query on one thread.", show_default=False)
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Budget: size of the index, such as 300MB.", show_default=False)
    ] = None,
    min_recall: Annotated[
        float | None,
        typer.Option(help="Budget: share of the ten nearest items that a query must find.", show_default=False),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="flat, ivf, ivfpq or hnsw, with -half or -byte for smaller vectors; auto for what fits the size "
            "or the budgets.",
            show_default=False,
        ),
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            help="one, category (others in 16 clusters), cluster, or auto: one up to 200,000 vectors, category beyond.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the index that servers open.

    A running server opens it at its next call.

    The first time, this makes the index. After that, changes are found without it, and it is what `compact` does.

    Budgets choose the kind of index: kinds are built and measured, smallest first, until one meets them all. They
    hold for later runs too, until other ones are given (`--kind auto` alone drops them).
    """
    from whatsit.catalogue.backends import existing_store
    from whatsit.cli.catalogue.output import generation_record, print_json, print_published

    budget = _wishes(kind, max_query_ms, max_memory, min_recall, shards)
    with existing_store(folder) as store:
        published = publish_index(store, folder, None, geometry, quiet=as_json, budget=budget)
    if as_json:
        print_json(generation_record(published))
    else:
        print_published(published)


def compact(folder: Folder, as_json: AsJson = False) -> None:
    """Write all changes since the last index into the next and trim the change log.

    Servers keep answering meanwhile.

    The same as `publish`. Worth it after some 25,000 changed items, which a server otherwise holds in memory.
    """
    publish(folder, as_json=as_json)


def publish_index(
    store: Store,
    folder: Path,
    fingerprint: str | None,
    geometry: bool | None = None,
    quiet: bool = True,
    budget: IndexBudget | None = None,
) -> Published:
    """Publish, with a bar while local features are taken and while shards are built."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from whatsit.catalogue import Layout
    from whatsit.catalogue.publish import publish as write_index

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)

        def build(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None, visible=True)

        def describe(done: int, total: int) -> None:
            build("Local features", done, total)

        return write_index(store, Layout(folder).index, fingerprint, geometry, describe, budget, build)


def _wishes(
    kind: str | None, max_query_ms: float | None, max_memory: str | None, min_recall: float | None, shards: str | None
) -> IndexBudget | None:
    """What was asked for; None where nothing was."""
    from whatsit.index.index_budget import IndexBudget
    from whatsit.index.sharding import check_sharding

    if all(one is None for one in (kind, max_query_ms, max_memory, min_recall, shards)):
        return None
    return IndexBudget(
        kind=None if kind in (None, "auto") else kind,
        max_query_ms=max_query_ms,
        max_memory=None if max_memory is None else _parse_size(max_memory),
        min_recall=min_recall,
        sharding=check_sharding(shards or "auto"),
    )


def _parse_size(text: str) -> int:
    """Return the bytes of a size such as 300MB.

    Raises:
        InvalidInput: it is none.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError
    from whatsit_client.errors import InvalidInput

    try:
        return int(TypeAdapter(ByteSize).validate_python(text.strip()))
    except ValidationError as error:
        raise InvalidInput(f"A size is a number such as 300MB or 2GB, not '{text[:40]}'.") from error
