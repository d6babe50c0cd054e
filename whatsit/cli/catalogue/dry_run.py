"""`whatsit catalogue add --dry-run`: what is understood of sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from whatsit_client.errors import InvalidInput

from whatsit.cli.catalogue.output import print_json

if TYPE_CHECKING:
    from whatsit.catalogue.sources import SourceOptions
    from whatsit.catalogue.sources.preview import Preview

_SHOWN = 20
_MARKS = {"point": ".", "comma": ",", ".": ".", ",": ","}


def source_options(
    maps: Sequence[str] | None,
    encoding: str | None,
    decimal: str | None,
    folders: str,
    query: str | None = None,
    allow_private: bool = False,
) -> SourceOptions:
    """Return the options of the command line as those of sources.

    Raises:
        InvalidInput: one of them has no such value.
    """
    from whatsit.catalogue.sources import SourceOptions

    columns: dict[str, str] = {}
    for text in maps or []:
        name, mark, column = text.partition("=")
        if not mark or not column.strip():
            raise InvalidInput(f"--map takes FIELD=COLUMN, such as title=Bezeichnung, not '{text[:60]}'.")
        columns[name.strip().lower()] = column.strip()
    if decimal is not None and decimal not in _MARKS:
        raise InvalidInput(f"--decimal is point or comma, not '{decimal[:20]}'.")
    if folders not in ("categories", "products"):
        raise InvalidInput(f"--folders is categories or products, not '{folders[:20]}'.")
    mark_of: Any = None if decimal is None else _MARKS[decimal]
    kind: Any = folders
    return SourceOptions(columns, encoding, mark_of, kind, query, allow_private=allow_private)


def show_previews(sources: Sequence[str], options: SourceOptions, as_json: bool, contact: str | None = None) -> None:
    """Print what is understood of sources; exit with 1 where a row would be skipped."""
    from whatsit.catalogue.sources.preview import preview
    from whatsit.catalogue.web import Downloads

    downloads = Downloads(allow_private=options.allow_private, contact=contact)
    found = [preview(source, options, downloads=downloads) for source in sources]
    if as_json:
        print_json({"sources": [one.to_record() for one in found]})
    else:
        for one in found:
            _print(one)
    if any(one.skipped_count or not one.items for one in found):
        raise typer.Exit(1)


def _print(found: Preview) -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(f"{found.path}: {found.items} items, {found.skipped_count} rows would be skipped.")
    for column, name in found.columns.items():
        typer.echo(f"  column {column!r} is {'an attribute' if name == 'attribute' else name}")
    for guess in found.guesses:
        typer.echo(f"  guessed: {guess}.")
    table = Table("id", "title", "brand", "category", "price", "pictures", "attributes", box=None)
    for row in found.rows:
        fields = [str("" if row[name] is None else row[name]) for name in ("id", "title", "brand", "category", "price")]
        attributes = ", ".join(f"{name}={value}" for name, value in row["attributes"].items())
        images = [*row["images"][:1], *([f"and {len(row['images']) - 1} more"] if len(row["images"]) > 1 else [])]
        table.add_row(*(text[:60] for text in (*fields, " ".join(images), attributes)))
    Console().print(table)
    for word, some, count in (
        ("would skip", found.skipped, found.skipped_count),
        ("would leave out", found.notes, found.note_count),
    ):
        for one in some[:_SHOWN]:
            typer.echo(f"  {word} {one.place}: {one.reason}.", err=True)
        if count > _SHOWN:
            typer.echo(f"  … and {count - _SHOWN} more; --json lists them.", err=True)
