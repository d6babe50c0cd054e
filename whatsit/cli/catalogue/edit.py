"""`whatsit catalogue edit`: single fields of an item."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from whatsit_client.errors import InvalidInput

from whatsit.cli.catalogue.output import print_json
from whatsit.cli.options import AsJson, CatalogueFolder

if TYPE_CHECKING:
    from whatsit.catalogue.item import ItemFields

_FIELDS = ("title", "brand", "category", "price", "url")
_Text = Annotated[str | None, typer.Option(show_default=False)]


def edit(
    folder: CatalogueFolder,
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The item's id.", show_default=False)],
    title: _Text = None,
    brand: _Text = None,
    category: _Text = None,
    price: Annotated[
        str | None, typer.Option(help="An amount such as 1.95 or '1,95 €'; '' for none.", show_default=False)
    ] = None,
    url: _Text = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="NAME=VALUE: an attribute; a VALUE that is JSON is read as such.", show_default=False
        ),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", help="A field or attribute that is emptied.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change single fields of an item; all others and its pictures stay.

    A running server finds the change at once.
    """
    from whatsit.catalogue.backends import open_embedded, open_store, store_url
    from whatsit.catalogue.field_change import change_fields

    texts = {"title": title, "brand": brand, "category": category, "url": url}
    fields: dict[str, Any] = {name: value for name, value in texts.items() if value is not None}
    if price is not None:
        fields["price"], currency = _amount(price)
    attributes = dict(_pair(text) for text in sets or [])
    if price is not None and currency:
        attributes.setdefault("currency", currency)
    removed = set(unset or [])
    fields |= dict.fromkeys(removed & set(_FIELDS))
    if not fields and not attributes and not removed:
        raise InvalidInput("Nothing is to be changed: give --title, --price, --set NAME=VALUE or another field.")
    shown: dict[str, Any] = {}

    def change(before: ItemFields) -> ItemFields:
        unknown = removed - set(_FIELDS) - set(before.attributes)
        if unknown:
            raise InvalidInput(f"The item '{item_id}' has no attribute '{min(unknown)}' to empty.")
        kept = {name: value for name, value in before.attributes.items() if name not in removed}
        after = replace(before, attributes={**kept, **attributes}, **fields)
        shown.update(_changes(before, after))
        return after

    with closing(open_embedded(folder, "") if store_url(folder) is None else open_store(folder)) as store:
        change_fields(store, item_id.strip(), change)
    if as_json:
        print_json({"id": item_id.strip(), "changed": {name: new for name, (_, new) in shown.items()}})
        return
    for name, (old, new) in shown.items():
        typer.echo(f"{name:<12} {'' if old is None else old} -> {'' if new is None else new}")
    if not shown:
        typer.echo("Nothing changed: the item is so already.")


def _amount(text: str) -> tuple[float | None, str | None]:
    from whatsit.catalogue.sources.price import is_absent, read_price

    if is_absent(text):
        return None, None
    read = read_price(text)
    if read is None or read.is_ambiguous:
        why = "fits two amounts" if read else "is no amount of 0 or more"
        raise InvalidInput(f"The price '{text[:40]}' {why}; write it as 1234.50.")
    amount = read.amount(None)
    assert amount is not None  # it is not ambiguous
    return float(amount), read.currency


def _pair(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise InvalidInput(f"--set takes NAME=VALUE, not '{text[:60]}'.")
    try:
        return name.strip(), json.loads(value)
    except (ValueError, RecursionError):
        return name.strip(), value


def _changes(before: ItemFields, after: ItemFields) -> dict[str, tuple[Any, Any]]:
    found = {name: (getattr(before, name), getattr(after, name)) for name in _FIELDS}
    names = {**before.attributes, **after.attributes}
    found |= {name: (before.attributes.get(name), after.attributes.get(name)) for name in names}
    return {name: (old, new) for name, (old, new) in found.items() if old != new}
