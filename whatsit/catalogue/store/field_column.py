"""One field of all items: its distinct values, and which of them each item has."""

from __future__ import annotations

import json
import operator
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit.catalogue.filter.condition import ATTRIBUTE, COLUMNS, Compare, number_in

Mask = npt.NDArray[np.bool_]

_COMPARED = {
    "$eq": operator.eq,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class Column:
    """A field of all items; comparisons are made on its distinct values.

    Args:
        field: a column of the table, or `attributes.` and a key.
    """

    def __init__(self, field: str) -> None:
        self._is_attribute = field not in COLUMNS
        self._key = field.removeprefix(ATTRIBUTE)
        self._field = field
        self._codes = np.zeros(0, dtype=np.int32)
        self._known: dict[Any, int] = {None: 0}  # by what SQLite gives
        self._places: dict[tuple[type, Any], int] = {_distinct(None): 0}  # by value
        self._values: list[Any] = [None]
        self._restored: tuple[list[Any], npt.NDArray[np.int32]] | None = None
        self._compared = np.empty(0, dtype=object), np.empty(0, dtype=bool), np.empty(0), True

    @classmethod
    def restored(
        cls, field: str, codes: npt.NDArray[np.int32], known: list[Any], of: npt.NDArray[np.int32], values: list[Any]
    ) -> Column:
        """Return the column that had this `state`."""
        column = cls(field)
        column._codes, column._values, column._restored = codes, values, (known, of)
        return column

    def _complete(self) -> None:
        """Make the tables that changes and equal texts are looked up in; orders need none."""
        if self._restored is None:
            return
        known, of = self._restored
        self._known = dict(zip(known, of.tolist(), strict=True))
        keys = ((list, 0) if isinstance(value, list) else _distinct(value) for value in self._values)
        self._places = {key: code for code, key in enumerate(keys)}
        self._restored = None

    def state(self) -> tuple[npt.NDArray[np.int32], list[Any], npt.NDArray[np.int32], list[Any]]:
        """Return what `restored` takes.

        Returns:
            The code of each item, what SQLite gives, the code of each of these, and the value of each code.
        """
        self._complete()
        return self._codes, list(self._known), np.array(list(self._known.values()), dtype=np.int32), self._values

    @property
    def distinct(self) -> int:
        """Return how many different values there are."""
        return len(self._values)

    def rows(self, connection: sqlite3.Connection, condition: str) -> Iterable[tuple[Any]]:
        """Return the field of some items as `set` takes it."""
        if not self._is_attribute:
            return connection.execute(f"SELECT {self._field} FROM items {condition}")
        # Asked for two paths, json_extract gives JSON text, in which numbers are as they were written.
        path = f'$."{self._key}"'
        return connection.execute(f"SELECT json_extract(attributes, ?, ?) FROM items {condition}", (path, path))

    def read(self, connection: sqlite3.Connection, places: npt.NDArray[np.int64], most: int) -> None:
        """Read the field of all items; stop early beyond `most` distinct values."""
        codes = np.zeros(len(places), dtype=np.int32)
        for row, (value,) in enumerate(self.rows(connection, "ORDER BY number")):
            code = self._known.get(value)
            if code is None:
                code = self._code(value)
                if code > most:
                    return
            codes[row] = code
        self._codes = np.zeros(int(places[-1]) + 1 if len(places) else 0, dtype=np.int32)
        self._codes[places] = codes

    def set(self, places: npt.NDArray[np.int64], values: Sequence[Any]) -> None:
        """Give the items at these places other values."""
        if len(places) and places.max() >= len(self._codes):
            more = max(int(places.max()) + 1, 2 * len(self._codes)) - len(self._codes)
            self._codes = np.concatenate([self._codes, np.zeros(more, dtype=np.int32)])
        self._codes[places] = [self._code(value) for value in values]

    def holds(self, compares: Sequence[Compare], by_any: bool, count: int) -> Mask:
        """Return where any, or all, of some comparisons hold: bool [count]."""
        joined = np.full(len(self._values), not by_any)
        for compare in compares:
            joined = joined | self._verdicts(compare) if by_any else joined & self._verdicts(compare)
        if len(self._codes) < count:  # items came that have no value here
            self._codes = np.concatenate([self._codes, np.zeros(count - len(self._codes), dtype=np.int32)])
        if not joined.any():
            return np.zeros(count, dtype=bool)
        return np.asarray(joined[self._codes[:count]])

    def _code(self, stored: Any) -> int:
        self._complete()
        code = self._known.get(stored)
        if code is None:
            value = json.loads(stored)[0] if self._is_attribute else stored
            listed = isinstance(value, (list, dict))  # those compare with nothing, so one represents all
            code = self._places.setdefault((list, 0) if listed else _distinct(value), len(self._values))
            if code == len(self._values):
                self._values.append([] if listed else value)
            if not listed:
                self._known[stored] = code
        return code

    def _verdicts(self, compare: Compare) -> Mask:
        """What `Compare.holds` says of each distinct value: bool [D]."""
        operand = compare.operand
        if compare.operator == "$exists" or operand is None:
            absent = np.zeros(len(self._values), dtype=bool)
            absent[0] = True
            return ~absent if compare.operator == "$exists" and operand else absent
        if compare.operator == "$eq" and isinstance(operand, (str, bool)):
            self._complete()
            equal = np.zeros(len(self._values), dtype=bool)
            if (place := self._places.get(_distinct(operand))) is not None:
                equal[place] = True
            return equal
        texts, is_text, numbers, is_exact = self._arrays()
        if isinstance(operand, str):
            return np.asarray(is_text & _COMPARED[compare.operator](texts, operand).astype(bool))
        if not is_exact or float(operand) != operand:
            return np.array([compare.holds(self._record(value)) for value in self._values], dtype=bool)
        return np.asarray(_COMPARED[compare.operator](numbers, float(operand)), dtype=bool)

    def _record(self, value: Any) -> dict[str, Any]:
        return {"attributes": {self._key: value}} if self._is_attribute else {self._field: value}

    def _arrays(self) -> tuple[npt.NDArray[Any], Mask, npt.NDArray[np.float64], bool]:
        """Return the distinct values as texts and as numbers, with flags.

        Flags: whether each is a text; whether all numbers are exact. NaN stands for no number.
        """
        texts, is_text, numbers, is_exact = self._compared
        new = self._values[len(texts) :]
        if new:
            if set(map(type, new)) <= {float, type(None)}:  # the usual price
                more, are_text = np.full(len(new), "", dtype=object), np.zeros(len(new), dtype=bool)
                read = np.array(new, dtype=np.float64)
            else:
                found = [self._number(value) for value in new]
                more = np.array([value if isinstance(value, str) else "" for value in new], dtype=object)
                are_text = np.array([isinstance(value, str) for value in new])
                read = np.array([np.nan if number is None else float(number) for number in found])
                is_exact = is_exact and all(number is None or float(number) == number for number in found)
            texts, is_text = np.concatenate([texts, more]), np.concatenate([is_text, are_text])
            self._compared = texts, is_text, np.concatenate([numbers, read]), is_exact
        return self._compared

    def _number(self, value: Any) -> int | float | None:
        if isinstance(value, bool):
            return None
        if isinstance(value, (int, float)):
            return value
        return number_in(value) if self._is_attribute else None


def _distinct(value: Any) -> tuple[type, Any]:
    """A key under which true and 1, or 1 and "1", are apart."""
    return (float if isinstance(value, int) and not isinstance(value, bool) else type(value)), value
