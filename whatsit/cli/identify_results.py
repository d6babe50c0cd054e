"""Files of results of `whatsit identify`: CSV, Parquet or JSON Lines, continued."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.cli.identify_shots import Shot

if TYPE_CHECKING:
    from whatsit_client.identification import Identification

COLUMNS = (
    *("photo", "seconds", "state", "id", "title", "brand", "category", "price", "score", "confidence"),
    *("box", "other_ids", "intent", "error"),
)
_NUMBERS = ("seconds", "price", "score", "confidence")
Row = dict[str, Any]


class Results(Protocol):
    """A file that takes a line a picture; what was written before stays."""

    done: frozenset[tuple[str, float | None]]

    def write(self, shot: Shot, result: Identification | None, error: str) -> None:
        """Append a picture's line, on the disk at once."""

    def __enter__(self) -> Results: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Complete the file, also after an interruption."""


def open_results(path: Path) -> Results:
    """Open a file of results by its ending, to be continued where it is there.

    Raises:
        InvalidInput: the ending is unknown, or the file holds something else.
        Unavailable: it cannot be written.
    """
    kinds: dict[str, type[_JsonLines] | type[_Table] | type[_Parquet]]
    kinds = {".jsonl": _JsonLines, ".csv": _Table, ".parquet": _Parquet}
    if path.suffix.lower() not in kinds:
        raise InvalidInput(f"{path} is of no known kind: name a file {', '.join(kinds)}.")
    try:
        return kinds[path.suffix.lower()](path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written ({error.strerror or error}).") from error


def row_of(shot: Shot, result: Identification | None, error: str) -> Row:
    """Return what a table says of a picture."""
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"photo": str(shot.path), "seconds": shot.key[1], "error": error or None}
    if result is None:
        return row | {"state": "refused"}
    answer = result.answer
    row |= {"state": state_of(result), "intent": result.intent}
    if not answer.found or answer.region is None:
        return row
    region = result.regions[answer.region]
    match = next((one for one in region.matches if one.item.id in answer.ids[:1]), None)
    texts = {"title": answer.title, "brand": answer.brand, "category": answer.category}
    row |= {name: " ".join(text.split()) or None for name, text in texts.items()}
    row |= {"id": answer.ids[0] if answer.ids else None, "confidence": round(answer.confidence, 4)}
    row |= {"box": " ".join(f"{side:.0f}" for side in region.box), "other_ids": " | ".join(answer.ids[1:]) or None}
    if match is not None:
        row |= {"score": round(match.score, 4), "price": match.item.price}
    return row


def state_of(result: Identification) -> str:
    """Return "found", "not_found", or what else the server says of its answer."""
    state = getattr(result.answer, "state", "")
    return str(state) if state else "found" if result.answer.found else "not_found"


class _JsonLines:
    """Whole identifications, an object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done = frozenset(_key(row) for row in _read_lines(path))
        self._file = path.open("a", encoding="utf-8")

    def write(self, shot: Shot, result: Identification | None, error: str) -> None:
        known = {"error": error} if result is None else json.loads(result.to_json())
        seconds = {} if shot.seconds is None else {"seconds": shot.key[1]}
        self._file.write(json.dumps({"photo": str(shot.path), **seconds, **known}, ensure_ascii=False) + "\n")
        self._file.flush()

    def __enter__(self) -> _JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class _Table:
    """CSV, a row a picture."""

    def __init__(self, path: Path) -> None:
        _cut_last_line(path)
        known: frozenset[tuple[str, float | None]] = frozenset()
        empty = not path.exists() or not path.stat().st_size
        if not empty:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file)
                _check_columns(path, rows.fieldnames or ())
                known = frozenset(_key(row) for row in rows)
        self.done = known
        self._file = path.open("a", encoding="utf-8-sig" if empty else "utf-8", newline="")
        self._rows = csv.DictWriter(self._file, COLUMNS)
        if empty:
            self._rows.writeheader()

    def write(self, shot: Shot, result: Identification | None, error: str) -> None:
        self._rows.writerow(row_of(shot, result, error))
        self._file.flush()

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class _Parquet:
    """Parquet, which cannot be appended to: rows wait in a file of lines beside it."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        self._path, self._part = path, path.with_name(f".{path.name}.part.jsonl")
        self._rows: list[Row] = []
        if path.exists():
            try:
                table = pyarrow.parquet.read_table(path)
            except (OSError, ValueError) as error:
                raise InvalidInput(f"{path} cannot be read as Parquet: name another file.") from error
            _check_columns(path, table.column_names)
            self._rows = table.to_pylist()
        self._rows += _read_lines(self._part)
        self.done = frozenset(_key(row) for row in self._rows)
        self._file = self._part.open("a", encoding="utf-8")

    def write(self, shot: Shot, result: Identification | None, error: str) -> None:
        row = row_of(shot, result, error)
        self._rows.append(row)
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, *_: object) -> None:
        import pyarrow
        import pyarrow.parquet

        self._file.close()
        types = {name: pyarrow.float64() if name in _NUMBERS else pyarrow.string() for name in COLUMNS}
        new = self._path.with_name(f".{self._path.name}.new")
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(self._rows, pyarrow.schema(types)), new)
        new.replace(self._path)
        self._part.unlink(missing_ok=True)


def _key(row: Mapping[str, Any]) -> tuple[str, float | None]:
    seconds = row.get("seconds")
    return str(row.get("photo")), None if seconds in (None, "") else round(float(str(seconds)), 3)


def _check_columns(path: Path, names: Any) -> None:
    if list(names) != list(COLUMNS):
        raise InvalidInput(f"{path} is no file of results of 'whatsit identify': name another file.")


def _read_lines(path: Path) -> list[Row]:
    """Return the objects of a file of lines; a torn last line is cut."""
    _cut_last_line(path)
    if not path.exists():
        return []
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON Lines ({str(error)[:80]}): name another file.") from error
    if not all(isinstance(row, dict) and "photo" in row for row in rows):
        raise InvalidInput(f"{path} is no file of results of 'whatsit identify': name another file.")
    return rows


def _cut_last_line(path: Path) -> None:
    """Cut what a killed run left of a line at the end of a file."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        size = file.seek(0, io.SEEK_END)
        while size:
            start = max(0, size - (1 << 16))
            file.seek(start)
            found = file.read(size - start).rfind(b"\n")
            if found >= 0:
                file.truncate(start + found + 1)
                return
            size = start
        file.truncate(0)
