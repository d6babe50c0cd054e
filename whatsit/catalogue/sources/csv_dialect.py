"""Dialect of a text table: delimiter, quotes, and the line that holds the header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from whatsit.catalogue.sources.header_names import normalised, recognised

DELIMITERS = (",", ";", "\t", "|")
MOST_LINES = 200  # of one record
_SAMPLE_LINES = 200
_HEADER_WITHIN = 20
_SEPARATOR = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)
_LETTERS = re.compile(r"\w")


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Args:
        delimiter: between values.
        quote: around values.
        escape: whether a backslash stands before quotes inside values; else they are doubled.
        header: number of the line that holds the names, from 1; 0 where there is none.
        columns: the names.
        notes: for people: what was guessed.
        is_full: whether nearly every record has a value, perhaps an empty one, for each column.
    """

    delimiter: str
    quote: str = '"'
    escape: bool = False
    header: int = 0
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    is_full: bool = False


@dataclass(frozen=True)
class RawRecord:
    """One record: its values or its problem, and the number of its first line."""

    line: int
    values: list[str] | None
    problem: str = ""


def find_dialect(lines: Iterable[str], wanted: Iterable[str] = (), path: Path | None = None) -> Dialect:
    """Find the dialect by a known header and records of one length.

    Args:
        lines: of the file, with their ends.
        wanted: names of columns that the caller mapped.
        path: of the file, for its ending.
    """
    sample = [line for line, _ in zip(lines, range(_SAMPLE_LINES), strict=False)]
    stated = next((found[1] for line in sample[:2] if (found := _SEPARATOR.fullmatch(line))), None)
    mapped = {normalised(name) for name in wanted}
    text = "".join(sample)
    escapes = [False, True] if '\\"' in text else [False]
    first = next((line.strip() for line in sample if _LETTERS.search(line) and not _SEPARATOR.fullmatch(line)), "")
    quote = "'" if first.startswith("'") and first.endswith("'") else '"'
    best: tuple[tuple[float, ...], Dialect] | None = None
    for n, delimiter in enumerate([stated] if stated else DELIMITERS):
        for escape in escapes:
            dialect, score = _judged(sample, Dialect(delimiter, quote, escape), mapped)
            ranked = (*score, -float(n), float(escape))
            if best is None or ranked > best[0]:
                best = ranked, dialect
    assert best is not None  # there is a delimiter
    return best[1]


def _judged(sample: list[str], dialect: Dialect, mapped: set[str]) -> tuple[Dialect, tuple[float, ...]]:
    records = [one for one in records_of(sample, dialect) if one.values is None or any(map(str.strip, one.values))]
    records = [one for one in records if not (one.line <= 2 and _SEPARATOR.fullmatch(sample[one.line - 1]))]
    sound = [one for one in records if one.values is not None and any(map(_LETTERS.search, one.values))]
    if not sound:
        return dialect, (0.0,) * 4
    known = [(_known(one.values or [], mapped), -n, one) for n, one in enumerate(sound[:_HEADER_WITHIN])]
    count, _, header = max(known, key=lambda one: one[:2])
    if count < 2:
        count, header = known[0][0], sound[0]
    names = [name.strip().strip("\ufeff") for name in header.values or []]
    while names and not names[-1]:
        names.pop()
    width = len(names)
    after = [one for one in records if one.line > header.line]
    fitting = sum(one.values is not None and _width(one.values) <= width for one in after)
    full = sum(one.values is not None and len(one.values) >= width for one in after)
    notes = []
    if header.line != sound[0].line:
        notes.append(f"the lines above the header in line {header.line} are passed over")
    share = max(len(after), 1)
    found = replace(
        dialect, header=header.line, columns=tuple(names), notes=tuple(notes), is_full=full > 2 and full >= 0.8 * share
    )
    return found, (float(count), round(fitting / share, 2), round(full / share, 2), float(width > 1))


def _known(values: list[str], mapped: set[str]) -> int:
    names = [value for value in values if value.strip()]
    fields = recognised(names)
    return len(fields) + (1 if "id" in fields else 0) + sum(normalised(name) in mapped for name in names)


def _width(values: list[str]) -> int:
    """Return the number of values up to the last that is not empty."""
    return max((n for n, value in enumerate(values, start=1) if value.strip()), default=0)


def records_of(lines: Iterable[str], dialect: Dialect) -> Iterator[RawRecord]:
    """Return the records of a table; an unclosed quote costs its own line alone.

    A record that goes over several lines is taken as such where its quotes close and it has as many values as the
    header; else its first line is refused, and reading goes on with the next.
    """
    source = iter(lines)
    waiting: list[str] = []
    number = 0

    def following(at: int) -> str | None:
        while len(waiting) <= at:
            line = next(source, None)
            if line is None:
                return None
            waiting.append(line)
        return waiting[at]

    while (line := following(0)) is not None:
        number += 1
        if not line.strip():
            waiting.pop(0)
            continue
        values, problem = _parsed(line, dialect)
        used = 1
        if values is None and problem == _OPEN:
            values, used = _joined(following, dialect)
        if values is None:
            used = 1
            problem = "a quote is opened in it and not closed" if problem == _OPEN else problem
        yield RawRecord(number, values, problem)
        del waiting[:used]
        number += used - 1


# Characters for private use, which no text has.
_BACKSLASH, _QUOTE = "\ue0f0", "\ue0f1"
_OPEN = "unexpected end of data"


def _joined(following: object, dialect: Dialect) -> tuple[list[str] | None, int]:
    assert callable(following)
    text = str(following(0))
    for used in range(1, MOST_LINES):
        line = following(used)
        if line is None or len(text) > csv.field_size_limit():
            return None, 1
        text += line
        if dialect.quote not in line:
            continue
        values, problem = _parsed(text, dialect)
        if values is not None:
            return (values, used + 1) if not dialect.columns or len(values) == len(dialect.columns) else (None, 1)
        if problem != _OPEN:
            return None, 1
    return None, 1


def _parsed(text: str, dialect: Dialect) -> tuple[list[str] | None, str]:
    if dialect.escape:  # not by csv's own `escapechar`, which takes the backslash of `img\\1.jpg` too
        text = text.replace("\\\\", _BACKSLASH).replace(f"\\{dialect.quote}", _QUOTE)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        doublequote=True,
        skipinitialspace=dialect.delimiter != "\t",
        strict=True,
    )
    try:
        values = next(reader, [])
    except csv.Error as error:
        return None, str(error)
    if dialect.escape:
        values = [one.replace(_BACKSLASH, "\\").replace(_QUOTE, dialect.quote) for one in values]
    return values, ""
