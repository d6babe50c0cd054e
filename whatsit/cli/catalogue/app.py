"""`whatsit catalogue`: the items of a catalogue, its index and its back-ups."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from whatsit.cli.catalogue import backup as catalogue_backup
from whatsit.cli.catalogue import clean as catalogue_clean
from whatsit.cli.catalogue.add import add
from whatsit.cli.catalogue.edit import edit
from whatsit.cli.catalogue.migrate import migrate
from whatsit.cli.catalogue.output import print_json
from whatsit.cli.catalogue.publish import compact, publish
from whatsit.cli.options import AsJson, CatalogueFolder, Where

app = typer.Typer(no_args_is_help=True, help="Put items into a catalogue, look at them, and publish its index.")


app.command(epilog="Example: whatsit catalogue add demo/catalogue products.csv --publish")(add)
app.command(epilog="Example: whatsit catalogue edit demo/catalogue P00001 --price 1.95 --set colour=red")(edit)
app.command(epilog="Example: whatsit catalogue publish demo/catalogue --max-query-ms 2 --max-memory 300MB")(publish)
app.command(epilog="Example: whatsit catalogue compact demo/catalogue")(compact)
app.command(epilog="Example: whatsit catalogue migrate demo/catalogue milvus://127.0.0.1:19530")(migrate)
catalogue_clean.register(app)
catalogue_backup.register(app)


@app.command("list", epilog='Example: whatsit catalogue list demo/catalogue --where \'{"brand": "Arla"}\' --limit 20')
def list_items(
    folder: CatalogueFolder,
    where: Where = None,
    limit: Annotated[int, typer.Option(min=1, help="Items on the page.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Items before the page.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List items in the order in which they were added.

    In Milvus the order has no meaning.
    """
    from rich.console import Console
    from rich.table import Table

    from whatsit.catalogue import Filter
    from whatsit.catalogue.backends import open_store

    condition = None if where is None else Filter.parse(where)
    with closing(open_store(folder, read_only=True)) as store:
        records, count = store.page(condition, limit, offset), store.count(condition)
    if as_json:
        print_json({"count": count, "items": records})
        return
    table = Table("id", "title", "brand", "category", "price", box=None)
    for record in records:
        table.add_row(*(_cell(record[name]) for name in ("id", "title", "brand", "category", "price")))
    Console().print(table)
    typer.echo(f"{len(records)} of {count} items" + (f", after the first {offset}" if offset else ""))


@app.command(epilog="Example: whatsit catalogue show demo/catalogue P00001")
def show(
    folder: CatalogueFolder,
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The item's id.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show everything that is known of one item."""
    from whatsit.catalogue.backends import open_store

    with closing(open_store(folder, read_only=True)) as store:
        item = store.show(item_id)
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


@app.command(epilog="Example: whatsit catalogue delete demo/catalogue P00001 P00002")
def delete(
    folder: CatalogueFolder,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="The items' ids.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Delete items.

    A running server stops returning them at once, and the next index is made without them.
    """
    from whatsit.catalogue import Layout
    from whatsit.catalogue.backends import open_embedded, open_store, store_url
    from whatsit.catalogue.store.picture_files import forget_pictures

    with closing(open_embedded(folder, "") if store_url(folder) is None else open_store(folder)) as store:
        kept = [picture for id in ids for picture in store.pictures(id, "")]
        unknown = store.delete(ids)
    forget_pictures(Layout(folder).pictures, kept)
    if as_json:
        print_json({"deleted": len(ids) - len(unknown), "unknown": unknown})
    else:
        typer.echo(f"Deleted {len(ids) - len(unknown)} of {len(ids)} items.")
        if unknown:
            typer.echo(f"Not in the catalogue: {', '.join(unknown)}", err=True)
    if unknown:
        raise typer.Exit(1)


def _cell(value: object) -> str:
    return "" if value is None else str(value)
