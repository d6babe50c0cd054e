"""`whatsit catalogue publish` and `compact`: write the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder

if TYPE_CHECKING:
    from whatsit.index.index_budget import IndexBudget


def publish(
    folder: CatalogueFolder,
    geometry: Annotated[
        bool | None,
        typer.Option(
            "--geometry/--no-geometry",
            help="Keep local features of every picture for the ranking stage 'geometry' (40 kB a picture), or drop "
            "them; default: keep the current setting.",
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
    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.layout import Layout
    from whatsit.catalogue.publish import NO_INDEX
    from whatsit.catalogue.publish import publish as write_index
    from whatsit.cli.catalogue.output import generation_record, print_json, print_published
    from whatsit.cli.progress_bar import progress_bars

    budget = _budget(kind, max_query_ms, max_memory, min_recall, shards)
    with open_embedded(folder, NO_INDEX) as store, progress_bars(as_json) as bar:
        published = write_index(store, Layout(folder).index, None, geometry, bar, budget)
    if as_json:
        print_json(generation_record(published))
    else:
        print_published(published)


def compact(folder: CatalogueFolder, as_json: AsJson = False) -> None:
    """Write all changes since the last index into the next and trim the change log.

    Servers keep answering meanwhile.

    The same as `publish`. Worth it after some 25,000 changed items, which a server otherwise holds in memory.
    """
    publish(folder, as_json=as_json)


def _budget(
    kind: str | None, max_query_ms: float | None, max_memory: str | None, min_recall: float | None, shards: str | None
) -> IndexBudget | None:
    """Return the budget of the options, None where none was given."""
    from whatsit.cli.catalogue.output import parse_size
    from whatsit.index.index_budget import IndexBudget
    from whatsit.index.sharding import check_sharding

    if all(one is None for one in (kind, max_query_ms, max_memory, min_recall, shards)):
        return None
    return IndexBudget(
        kind=None if kind in (None, "auto") else kind,
        max_query_ms=max_query_ms,
        max_memory=None if max_memory is None else parse_size(max_memory),
        min_recall=min_recall,
        sharding=check_sharding(shards or "auto"),
    )
