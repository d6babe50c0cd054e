"""`whatsit catalogue similar` and `scenes`: search by an item."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.catalogue.output import print_json
from whatsit.cli.options import AsJson, CatalogueFolder, ModelRepository, Where

if TYPE_CHECKING:
    from whatsit.catalogue.protocols import CatalogueStore
    from whatsit.search.item_search import ItemSearch

ItemId = Annotated[str, typer.Argument(metavar="ID", help="The item's id.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=100, help="Results on the page.")]
Offset = Annotated[int, typer.Option(min=0, max=1000, help="Results before the page.")]


def similar(
    folder: CatalogueFolder,
    item_id: ItemId,
    limit: Limit = 10,
    offset: Offset = 0,
    where: Where = None,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """List the items whose pictures are most like an item's.

    The item itself, those merged with it and those with the same pictures are left out.
    """
    from rich.console import Console
    from rich.table import Table

    from whatsit.catalogue import Filter

    with _opened(folder, model_repository) as (_, items):
        found = items.similar(item_id, limit, offset, None if where is None else Filter.parse(where))
    if as_json:
        print_json({"items": [one.to_record() for one in found]})
        return
    table = Table("score", "id", "title", "brand", "category", box=None)
    for one in found:
        table.add_row(f"{one.score:.3f}", *(str(one.item[name] or "") for name in ("id", "title", "brand", "category")))
    Console().print(table)


def scenes(
    folder: CatalogueFolder,
    item_id: ItemId,
    limit: Limit = 10,
    offset: Offset = 0,
    where: Where = None,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """List pictures of other items in which an item appears, and where in them.

    For catalogues with `whatsit catalogue add --objects`.
    """
    from rich.console import Console
    from rich.table import Table

    from whatsit.catalogue import Filter

    with _opened(folder, model_repository) as (store, items):
        found = items.scenes(item_id, limit, offset, None if where is None else Filter.parse(where))
        objects = store.keeps_objects
    if as_json:
        print_json({"scenes": [one.to_record() for one in found], "objects": objects})
    else:
        table = Table("score", "id", "title", "box", "picture", box=None)
        for one in found:
            box = ",".join(f"{side:.0f}" for side in one.box)
            table.add_row(f"{one.score:.3f}", one.item["id"], one.item["title"] or "", box, one.image)
        Console().print(table)
    if not objects:
        typer.echo(
            "The objects in this catalogue's pictures are not indexed; add its files again with 'whatsit catalogue add "
            "DIR SOURCE --objects'.",
            err=True,
        )


@contextmanager
def _opened(folder: Path, model_repository: Path | None) -> Iterator[tuple[CatalogueStore, ItemSearch]]:
    from whatsit.catalogue.backends import open_index_view, open_store
    from whatsit.catalogue.serving_pair import serving_fingerprint
    from whatsit.engines.repository import default_root
    from whatsit.search.item_search import ItemSearch

    repository = model_repository or default_root() / "model_repository"
    fingerprint = serving_fingerprint(folder, repository)
    with closing(open_store(folder, read_only=True)) as store:
        yield store, ItemSearch(store, open_index_view(store, folder, fingerprint), fingerprint)
