"""Conditions of a filter: each is evaluated on a record or compiled to SQL."""

from __future__ import annotations

import operator as operators
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Operand = str | int | float | bool | None

# The fields that are columns, with the type of their values; every other field is an attribute.
COLUMNS: Mapping[str, type] = {"id": str, "title": str, "brand": str, "category": str, "price": float, "url": str}
ATTRIBUTE = "attributes."

_ORDER: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "$gt": (">", operators.gt),
    "$gte": (">=", operators.ge),
    "$lt": ("<", operators.lt),
    "$lte": ("<=", operators.le),
}
ORDERED = tuple(_ORDER)
LISTED = ("$in", "$nin")
OPERATORS = ("$eq", "$ne", *ORDERED, *LISTED, "$exists")

_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,2})?", re.ASCII)


@dataclass(frozen=True)
class Join:
    """All parts hold, or any of them. All of no parts holds, any of none does not."""

    any: bool
    parts: tuple[Condition, ...]

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Return whether it holds for a record (free fields under `attributes`)."""
        verdicts = (part.holds(record) for part in self.parts)
        return any(verdicts) if self.any else all(verdicts)

    def sql(self, parameters: list[Any]) -> str:
        """Return an SQL expression over `items`, 0 or 1, and append its values."""
        if not self.parts:
            return "0" if self.any else "1"
        return _balanced([part.sql(parameters) for part in self.parts], "OR" if self.any else "AND")

    def size(self) -> int:
        """Return how many conditions it is made of, itself included."""
        return 1 + sum(part.size() for part in self.parts)


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition

    def holds(self, record: Mapping[str, Any]) -> bool:
        """See `Join`."""
        return not self.part.holds(record)

    def sql(self, parameters: list[Any]) -> str:
        """See `Join`."""
        return f"(NOT {self.part.sql(parameters)})"

    def size(self) -> int:
        """See `Join`."""
        return 1 + self.part.size()


@dataclass(frozen=True)
class Compare:
    """One comparison of one field.

    Args:
        field: a column, or `attributes.` and a key.
        operator: `$eq`, `$exists` or one of `ORDERED`; the others are built from these.
        operand: the value; for `$exists` a bool.
    """

    field: str
    operator: str
    operand: Operand

    def holds(self, record: Mapping[str, Any]) -> bool:
        """See `Join`."""
        column = self.field in COLUMNS
        value = record.get(self.field) if column else (record.get("attributes") or {}).get(self._key)
        if self.operator == "$exists":
            return (value is not None) == self.operand
        if self.operand is None:
            return value is None
        if isinstance(self.operand, bool) or isinstance(value, bool):
            return value is self.operand
        if not column and isinstance(value, str) and not isinstance(self.operand, str):
            value = number_in(value)
        compare = _ORDER[self.operator][1] if self.operator in _ORDER else operators.eq
        comparable = str if isinstance(self.operand, str) else (int, float)
        return isinstance(value, comparable) and bool(compare(value, self.operand))

    def sql(self, parameters: list[Any]) -> str:
        """See `Join`."""
        column = self.field in COLUMNS
        if self.operator == "$exists" or self.operand is None:
            wanted = self.operator == "$exists" and bool(self.operand)
            if column:
                return f"({self.field} IS {'NOT ' if wanted else ''}NULL)"
            parameters.append(self._path)
            return f"(coalesce(json_type(attributes, ?), 'null') {'<>' if wanted else '='} 'null')"
        sign = _ORDER[self.operator][0] if self.operator in _ORDER else "="
        if column:
            parameters.append(self.operand)
            if sign == "=":  # which is never NULL, and can be looked up in an index
                return f"({self.field} IS ?)"
            return f"coalesce({self.field} {sign} ?, 0)"
        if isinstance(self.operand, bool):
            parameters.append(self._path)
            return f"coalesce(json_type(attributes, ?) = '{'true' if self.operand else 'false'}', 0)"
        if isinstance(self.operand, str):
            parameters += [self._path, self._path, self.operand]
            return f"coalesce(json_type(attributes, ?) = 'text' AND json_extract(attributes, ?) {sign} ?, 0)"
        parameters += [self._path, self._path, self._path, self.operand]
        return (
            "coalesce(CASE WHEN json_type(attributes, ?) IN ('integer', 'real') THEN json_extract(attributes, ?) "
            f"ELSE number_in(json_extract(attributes, ?)) END {sign} ?, 0)"
        )

    def size(self) -> int:
        """See `Join`."""
        return 1

    @property
    def _key(self) -> str:
        return self.field.removeprefix(ATTRIBUTE)

    @property
    def _path(self) -> str:
        """Return the JSON path of an attribute; its key holds no quote and no backslash."""
        return f'$."{self._key}"'


Condition = Join | Not | Compare


def _balanced(parts: Sequence[str], sign: str) -> str:
    """Join expressions by halves: SQLite allows a depth of 1,000."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle], sign)} {sign} {_balanced(parts[middle:], sign)})"


def number_in(value: object) -> float | None:
    """Return the number in a text, None where it holds none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip(" ")):
        return float(value)
    return None


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that compiled conditions call."""
    connection.create_function("number_in", 1, number_in, deterministic=True)
