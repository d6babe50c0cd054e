"""Assignment of a table's columns to the fields of an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.header_names import FIELDS, known_field, normalised
from whatsit.catalogue.sources.price import DecimalMark


@dataclass(frozen=True)
class SourceOptions:
    """What a caller knows about sources; None or empty where it is found out.

    Args:
        columns: field -> column, such as {"title": "Bezeichnung"}; several columns of pictures are separated by commas.
        attributes: columns that are no field, whatever their names say.
        encoding: of text files.
        decimal: decimal mark of prices that are ambiguous by themselves.
        folders: whether the folders in a folder of pictures are categories or products.
        query: of a database: a SELECT, or the name of a table or view.
        bucket: of an object store in which pictures may lie that a table names, such as `s3://shop`.
        beside: whether pictures of this machine must lie beside the table: of a file that somebody uploaded.
        allow_private: whether a table may name pictures in any bucket that is open to whoever reads it.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    decimal: DecimalMark | None = None
    folders: Literal["categories", "products"] = "categories"
    query: str | None = None
    bucket: str | None = None
    allow_private: bool = False
    beside: bool = False
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in FIELDS:
                raise InvalidInput(f"There is no field '{name[:60]}' to map; the fields are {', '.join(FIELDS)}.")


@dataclass(frozen=True)
class ColumnMap:
    """Which column is which field.

    Args:
        fields: column -> field, for the columns that are fields; pictures may have several. All others are attributes.
        notes: for people: which names were guessed.
    """

    fields: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Return whether any column is this field; `image` stands for `images` too."""
        return any(one == name or (name == "image" and one == "images") for one in self.fields.values())

    def column(self, name: str) -> str | None:
        """Return the column of a field, None where there is none."""
        return next((column for column, one in self.fields.items() if one == name), None)

    @classmethod
    def of(cls, columns: Sequence[str], options: SourceOptions | None = None) -> ColumnMap:
        """Assign columns: mapped ones, then fields' own names, then known names.

        Raises:
            InvalidInput: a mapped column is not there, or a field's own name is there twice.
        """
        fields, taken = _mapped(columns, options.columns if options else {})
        plain = {*fields, *(options.attributes if options else ())}
        found = {column: known_field(column) for column in columns if column not in plain}
        own = [one[0] for one in found.values() if one and one[1] < 0]
        for name in own:
            if own.count(name) > 1 and name not in ("image", "images"):
                raise InvalidInput(f"has the column '{name}' twice")
        notes = []
        ranked = sorted((one[1], column, one[0]) for column, one in found.items() if one)
        for rank, column, name in ranked:
            if name == "image":
                if "image" in taken and options and "image" in options.columns:
                    continue
            elif name in taken:
                continue
            taken.add(name)
            fields[column] = name
            if rank >= 0:
                notes.append(f"the column '{column}' is read as {name}")
        ordered = {column: fields[column] for column in columns if column in fields}
        return cls(ordered, tuple(notes))


def _mapped(columns: Sequence[str], wanted: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    fields: dict[str, str] = {}
    by_name = {normalised(column): column for column in reversed(columns)}
    for name, given in wanted.items():
        parts = given.split(",") if name in ("image", "images") and given not in columns else [given]
        for part in parts:
            column = part if part in columns else by_name.get(normalised(part))
            if column is None:
                shown = ", ".join(columns[:12])[:200]
                raise InvalidInput(f"has no column '{part[:60]}' that {name} was mapped to; its columns are {shown}")
            fields[column] = name
    return fields, set(fields.values())


def check_map(path: Path | str, columns: Sequence[str], found: ColumnMap) -> None:
    """Refuse a table that cannot hold items.

    Raises:
        InvalidInput: there is no `id`, or nothing beside it.
    """
    shown = ", ".join(column for column in columns[:12])[:200]
    hint = "name it with --map {0}=COLUMN"
    for name, missing in (("id", not found.has("id")), ("image", len(columns) < 2 and not found.has("image"))):
        if missing:
            raise InvalidInput(f"{path} has no column '{name}'; its columns are {shown}; {hint.format(name)}.")
