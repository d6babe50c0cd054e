"""`whatsit catalogue list`, `search`, `fields` and `show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.catalogue.output import print_json
from whatsit.cli.options import AsJson, CatalogueFolder, Where

if TYPE_CHECKING:
    from whatsit.catalogue.protocols import CatalogueStore

_COLUMNS = ("id", "title", "brand", "category", "price")
_MOST_NAMED = 1000


def register(app: typer.Typer) -> None:
    """Add the four commands."""
    example = 'Example: whatsit catalogue list demo/catalogue --where \'{"brand": "Arla"}\' --limit 20'
    app.command("list", epilog=example)(list_items)
    app.command(epilog="Example: whatsit catalogue search demo/catalogue green tea")(search)
    app.command(epilog="Example: whatsit catalogue fields demo/catalogue")(fields)
    app.command(epilog="Example: whatsit catalogue show demo/catalogue P00001")(show)


def list_items(
    folder: CatalogueFolder,
    where: Where = None,
    limit: Annotated[int, typer.Option(min=1, help="Items on the page.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Items before the page.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List items in the order in which they were added.

    In Milvus the order has no meaning. 'whatsit catalogue add' reads what --json prints; 'export' writes all items.
    """
    from whatsit.catalogue import Filter
    from whatsit.catalogue.backends import open_store

    condition = None if where is None else Filter.parse(where)
    with closing(open_store(folder, read_only=True)) as store:
        records, count = store.page(condition, limit, offset), store.count(condition)
        store.check_where(condition, count)
        if as_json:
            records = [{**record, "images": _paths(store, record["id"])} for record in records]
    if as_json:
        print_json({"count": count, "items": records})
        return
    _print_table(records)
    typer.echo(f"{len(records)} of {count} items" + (f", after the first {offset}" if offset else ""))


def search(
    folder: CatalogueFolder,
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="Words of title, brand, category or attributes.")
    ],
    where: Where = None,
    limit: Annotated[int, typer.Option(min=1, help="Items on the page.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find items by words alone, the best match first; no server is needed.

    Any of the words counts, and the last one may be unfinished.
    """
    from whatsit.catalogue import Filter
    from whatsit.catalogue.backends import open_store

    condition = None if where is None else Filter.parse(where)
    with closing(open_store(folder, read_only=True)) as store:
        allowed = None if condition is None else store.select(condition)
        store.check_where(condition, 1 if allowed is None else len(allowed))
        numbers = store.text.search(" ".join(words), _MOST_NAMED, allowed)
        records = list(store.records(numbers[:limit].tolist()).values())
    if as_json:
        print_json({"count": len(numbers), "items": records})
        return
    _print_table(records)
    more = "+" if len(numbers) == _MOST_NAMED else ""
    typer.echo(f"{len(records)} of {len(numbers)}{more} items")


def fields(folder: CatalogueFolder, as_json: AsJson = False) -> None:
    """List the fields that filters may name, with examples of their values."""
    from rich.console import Console
    from rich.table import Table

    from whatsit.catalogue.backends import open_store

    with closing(open_store(folder, read_only=True)) as store:
        found, count = store.field_summaries(), store.count()
    if as_json:
        print_json({"items": count, "fields": [one.to_record() for one in found]})
        return
    table = Table(box=None)
    table.add_column("field", overflow="fold")
    table.add_column("items", justify="right", no_wrap=True)
    table.add_column("values", no_wrap=True)
    table.add_column("examples", overflow="fold", ratio=1)
    for one in found:
        span = f"{one.low:g} to {one.high:g}" if one.low is not None and one.kinds == {"number"} else ""
        examples = span or ", ".join(_shown(value) for value in one.examples)
        table.add_row(one.name, str(one.items), "/".join(sorted(one.kinds)), examples)
    Console().print(table)
    typer.echo(f'{count} items; use a field as in --where \'{{"brand": "…"}}\' or \'{{"price": {{"$lt": 5}}}}\'.')


def show(
    folder: CatalogueFolder,
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The item's id.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show everything that is known of one item."""
    from whatsit.catalogue.backends import open_store

    with closing(open_store(folder, read_only=True)) as store:
        item = store.show(item_id.strip())
    if as_json:
        print_json(item)
        return
    images, attributes, main = item.pop("images"), item.pop("attributes"), item.pop("merged_into")
    predicted = item.pop("predicted", None)
    item.pop("image")
    if main is not None:
        typer.echo(f"{'merged into':<12} {main}")
    for name, value in {**item, **attributes}.items():
        typer.echo(f"{name:<12} {_cell(value)}")
    if predicted:
        words = (f"{predicted[name]} ({predicted[f'{name}_score']:.2f})" for name in ("tag", "topic"))
        typer.echo(f"{'predicted':<12} {', '.join(words)}")
    for image in images:
        state = "hidden" if image["hidden"] else f"{image['vectors']} vectors"
        typer.echo(f"{'picture':<12} {image['path']} ({state})")


def _paths(store: CatalogueStore, id: str) -> list[str]:
    return [one["path"] for one in store.show(id)["images"] if not one["hidden"] and one["path"]]


def _print_table(records: Iterable[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for name in _COLUMNS:
        # an id is to be copied: folded, never cut
        table.add_column(
            name, overflow="fold" if name == "id" else "ellipsis", justify="right" if name == "price" else "left"
        )
    for record in records:
        table.add_row(*(Text(_cell(record[name])) for name in _COLUMNS))
    Console().print(table)


def _shown(value: object) -> str:
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 40 else f"{text[:39]}…"


def _cell(value: object) -> str:
    return "" if value is None else str(value)
