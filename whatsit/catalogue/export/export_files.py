"""Files of exported items: CSV, Parquet, JSON and JSON Lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whatsit.catalogue.export.item_record import FIELDS
from whatsit.catalogue.sources.header_names import known_field
from whatsit.catalogue.sources.table_columns import EMBEDDINGS

_ROWS = 1000
_SCALARS = (str, bool, int, float)
Records = Iterable[Mapping[str, Any]]
# Writes records into a file; returns how many. The records are gone through twice.
Writer = Callable[[Records, Path], int]


def write_json_lines(records: Records, path: Path) -> int:
    """Write an object a line."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_json(records: Records, path: Path) -> int:
    """Write one list of objects."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(("[\n" if not count else ",\n") + json.dumps(record, ensure_ascii=False))
            count += 1
        file.write("\n]\n" if count else "[]\n")
    return count


def write_csv(records: Records, path: Path) -> int:
    """Write a column a field and attribute, for spreadsheets; all values are text."""
    kinds = _attribute_kinds(records)
    columns = [name for name in kinds if _is_column(name)]
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        nested = len(columns) < len(kinds)
        with_embeddings = any(EMBEDDINGS in record for record, _ in zip(records, range(1), strict=False))
        last = [*(["attributes"] if nested else []), *([EMBEDDINGS] if with_embeddings else [])]
        rows.writerow([*FIELDS, "image", *columns, *last])
        for record in records:
            attributes = dict(record["attributes"])
            cells = [_cell(attributes.pop(name, None)) for name in columns]
            cells += [json.dumps(attributes, ensure_ascii=False) if attributes else ""] if nested else []
            cells += [json.dumps(record[EMBEDDINGS])] if with_embeddings else []
            fields = [_price(record[name]) if name == "price" else _cell(record[name]) for name in FIELDS]
            rows.writerow([*fields, _images(record["image"]), *cells])
            count += 1
    return count


def write_parquet(records: Records, path: Path) -> int:
    """Write a column a field and attribute; attributes of several types go as JSON."""
    import pyarrow
    import pyarrow.parquet

    types = {str: pyarrow.string(), bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    kinds = _attribute_kinds(records)
    columns = {name: types[kind] for name, kind in kinds.items() if kind and _is_column(name)}
    fields = [(name, pyarrow.float64() if name == "price" else pyarrow.string()) for name in FIELDS]
    fields += [("image", pyarrow.list_(pyarrow.string())), *columns.items(), ("attributes", pyarrow.string())]
    if any(EMBEDDINGS in record for record, _ in zip(records, range(1), strict=False)):
        fields.append((EMBEDDINGS, pyarrow.list_(pyarrow.list_(pyarrow.float32()))))
    schema = pyarrow.schema(fields)
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema) as file:
        for batch in _batches(records):
            rows = [_parquet_row(record, columns) for record in batch]
            file.write_table(pyarrow.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


WRITERS: Mapping[str, Writer] = {
    ".parquet": write_parquet,
    ".csv": write_csv,
    ".jsonl": write_json_lines,
    ".json": write_json,
}


def _attribute_kinds(records: Records) -> dict[str, type | None]:
    """Return the attributes with the one type of their values, None where they differ."""
    found: dict[str, type | None] = {}
    for record in records:
        for name, value in record["attributes"].items():
            kind = type(value) if type(value) in _SCALARS else None
            found[name] = kind if found.setdefault(name, kind) == kind else None
    return found


def _is_column(name: str) -> bool:
    """Return whether a column of this name is read as the attribute again."""
    return known_field(name) is None and name == name.strip() and name != EMBEDDINGS


def _parquet_row(record: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    attributes = dict(record["attributes"])
    flat = {name: attributes.pop(name, None) for name in columns}
    nested = json.dumps(attributes, ensure_ascii=False) if attributes else None
    return {**record, **flat, "attributes": nested}


def _batches(records: Records) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    for record in records:
        batch.append(record)
        if len(batch) == _ROWS:
            yield batch
            batch = []
    yield batch


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _price(value: float | None) -> str:
    """Return a price as text that no reader takes for thousands ("1.234")."""
    if value is None:
        return ""
    text = repr(value) if abs(value - round(value, 2)) > 1e-9 else f"{value:.2f}"
    return f"{text}0" if len(text.partition(".")[2]) == 3 else text


def _images(paths: list[str]) -> str:
    plain = len(paths) == 1 and not any(mark in paths[0] for mark in " ,;|\n[")
    return paths[0] if plain else json.dumps(paths, ensure_ascii=False) if paths else ""
