"""File of filtered fields, written beside an index and read by servers."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whatsit.catalogue.filter.condition import ATTRIBUTE
from whatsit.catalogue.store.field_column import Column
from whatsit.index.index_kind import Numbers

FIELDS_FILE = "fields.npz"
"""Name of the file in a generation's folder."""

_FORMAT = 1


@dataclass(frozen=True)
class ColumnFile:
    """An opened file; fields are read when they are asked for.

    Args:
        position: the last change of the log that is in it.
        numbers: int64 [N], the items, ascending.
        there: bool [N], items in the table.
        alive: bool [N], items that are not merged into others.
        wide: fields with too many values to be kept.
        attributes: all attributes that an item has.
        fields: names of the kept fields, in the order of the file.
        arrays: of the file, by name.
    """

    position: int
    numbers: Numbers
    there: Any
    alive: Any
    wide: tuple[str, ...]
    attributes: frozenset[str]
    fields: tuple[str, ...]
    arrays: Any

    @classmethod
    def open(cls, path: Path) -> ColumnFile | None:
        """Return the file; None where it is missing, damaged or of another format."""
        try:
            arrays = np.load(path, allow_pickle=False)
            head = json.loads(bytes(arrays["head"]))
            if head["format"] != _FORMAT:
                return None
            found = cls(
                head["position"], arrays["numbers"], arrays["there"], arrays["alive"], tuple(head["wide"]),
                frozenset(head["attributes"]), tuple(head["fields"]), arrays,
            )  # fmt: skip
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        return found if len(found.numbers) == len(found.there) == len(found.alive) else None

    def knows(self, field: str) -> bool:
        """Return whether the field is kept, or no item had it."""
        return field in self.fields or (field.startswith(ATTRIBUTE) and field not in self.attributes)

    def column(self, field: str) -> Column | None:
        """Return a field that is known, None where it is damaged."""
        if field not in self.fields:
            return Column(field)
        place = self.fields.index(field)
        try:
            known = json.loads(bytes(self.arrays[f"known{place}"]))
            values = json.loads(bytes(self.arrays[f"values{place}"]))
            of, codes = self.arrays[f"of{place}"], self.arrays[f"codes{place}"]
            return Column.restored(field, codes, known, of, values)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None


def write_column_file(
    path: Path,
    position: int,
    items: tuple[Numbers, Any, Any],
    wide: Sequence[str],
    attributes: Sequence[str],
    columns: Mapping[str, Column],
) -> None:
    """Write fields, atomically.

    Args:
        path: of the file.
        position: the last change of the log that is in them.
        items: `numbers`, `there` and `alive` of `ColumnFile`.
        wide: fields with too many values.
        attributes: all attributes that an item has, as filters name them.
        columns: the kept fields.
    """
    arrays = dict(zip(("numbers", "there", "alive"), items, strict=True))
    head = {
        "format": _FORMAT,
        "position": position,
        "wide": list(wide),
        "attributes": list(attributes),
        "fields": list(columns),
    }
    arrays["head"] = _text(head)
    for place, column in enumerate(columns.values()):
        codes, known, of, values = column.state()
        arrays |= {f"codes{place}": codes, f"of{place}": of}
        arrays |= {f"known{place}": _text(known), f"values{place}": _text(values)}
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _text(value: object) -> Any:
    """Return JSON as bytes, uint8 [n]."""
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
