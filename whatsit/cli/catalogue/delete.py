"""`whatsit catalogue delete` and `undelete`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from whatsit_client.errors import InvalidInput

from whatsit.cli.catalogue.output import print_json
from whatsit.cli.options import AsJson, CatalogueFolder, Where

if TYPE_CHECKING:
    from whatsit.catalogue.protocols import CatalogueStore

_SHOWN = 10
_NO_UNDO = "which keeps no deleted items"


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command(epilog="Example: whatsit catalogue delete demo/catalogue P00001 P00002")(delete)
    app.command(epilog="Example: whatsit catalogue undelete demo/catalogue --last")(undelete)


def delete(
    folder: CatalogueFolder,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The items' ids.", show_default=False)
    ] = None,
    where: Where = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing; show what would be deleted.")] = False,
    forever: Annotated[bool, typer.Option("--forever", help="Keep nothing that could be restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete items, by their ids or by a filter.

    A running server stops returning them at once, and the next index is made without them.

    Deleted items are kept for 30 days, the last 10,000 of them: 'whatsit catalogue undelete' restores them.
    """
    from whatsit.catalogue.backends import open_embedded, open_store, store_url

    if bool(ids) == (where is not None):
        raise InvalidInput("Name items by their ids, or all that fulfil a filter by --where; one of the two.")
    with closing(open_embedded(folder, "") if store_url(folder) is None else open_store(folder)) as store:
        chosen = [id.strip() for id in ids] if ids else _ids_of(store, where or "{}")
        if dry_run:
            _print_planned([id for id in chosen if store.fields(id) is not None], as_json)
            return
        unknown = _delete(store, folder, chosen, forever)
    done = len(chosen) - len(unknown)
    if as_json:
        print_json({"deleted": done, "unknown": unknown})
    else:
        typer.echo(f"Deleted {done} of {len(chosen)} items.")
        if done and store.keeps_deleted and not forever:
            typer.echo(f"Restore them with: whatsit catalogue undelete {folder} --last")
        if unknown:
            typer.echo(f"Not in the catalogue: {', '.join(unknown)}", err=True)
    if unknown:
        raise typer.Exit(1)


def undelete(
    folder: CatalogueFolder,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The items' ids.", show_default=False)
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="All items of the latest deletion.")] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Show what is kept, the latest first; restore nothing.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Items that --list shows.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Restore deleted items with their pictures and vectors.

    A running server finds them again at once. Either all of them are restored, or none.
    """
    from whatsit.catalogue.backends import open_embedded

    if [bool(ids), last, listed].count(True) != 1:
        raise InvalidInput("Name items by their ids, or give --last for the latest deletion, or --list.")
    with open_embedded(folder, _NO_UNDO, read_only=listed) as store:
        if listed:
            found, count = store.deleted.latest(limit), store.deleted.count()
        else:
            restored = store.deleted.restore([id.strip() for id in ids or []])
    if listed:
        if as_json:
            print_json({"count": count, "items": [vars(one) for one in found]})
            return
        for one in found:
            typer.echo(f"{one.deletion:>6}  {one.made[:19]}  {one.id}  {one.title or ''}".rstrip())
        typer.echo(f"{len(found)} of {count} deleted items that are kept")
    elif as_json:
        print_json({"restored": restored})
    else:
        typer.echo(f"Restored {len(restored)} items: {', '.join(restored[:_SHOWN])}{' …' * (len(restored) > _SHOWN)}")


def _ids_of(store: CatalogueStore, where: str) -> list[str]:
    from whatsit.catalogue import Filter

    condition = Filter.parse(where)
    numbers = store.select(condition)
    store.check_where(condition, len(numbers))
    return [record["id"] for record in store.records(numbers.tolist()).values()]


def _delete(store: CatalogueStore, folder: Path, ids: list[str], forever: bool) -> list[str]:
    """Delete items in one transaction; return the unknown ids."""
    from whatsit.catalogue import Layout
    from whatsit.catalogue.store.picture_files import forget_pictures

    lost = forever or not store.keeps_deleted
    pictures = [picture for id in ids for picture in store.pictures(id, "")] if lost else []
    unknown = store.delete(ids, forever)
    forget_pictures(Layout(folder).pictures, pictures)
    return unknown


def _print_planned(ids: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"would_delete": ids})
        return
    shown = ", ".join(ids[:_SHOWN])
    typer.echo(f"Would delete {len(ids)} items" + (f": {shown}{' …' * (len(ids) > _SHOWN)}" if ids else "."))
