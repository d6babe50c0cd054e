"""The `where` filter: parsed once, evaluated on records or compiled to SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.condition import (
    ATTRIBUTE,
    COLUMNS,
    LISTED,
    OPERATORS,
    ORDERED,
    Compare,
    Condition,
    Join,
    Not,
    Operand,
)

MAX_DEPTH = 8
MAX_SIZE = 2000
MAX_TEXT = 64_000
_MAX_FIELD = 100


@dataclass(frozen=True)
class Filter:
    """A checked filter.

    The grammar is a part of MongoDB's: `{"brand": "X"}` equals; `{"price": {"$gte": 1, "$lt": 9}}` with `$eq $ne $gt
    $gte $lt $lte $in $nin $exists`; several fields mean all of them; `$and` and `$or` take a list, `$not` a filter.
    Fields are id, title, brand, category, price and url; `attributes.flavour`, or any other bare name, is an
    attribute.

    A field that is absent or null equals null and nothing else, and no order holds for it; `$ne` and `$nin` are the
    exact opposites of `$eq` and `$in`, so they hold for it. Text compares with text (case counts), truth values with
    truth values, numbers with numbers; an attribute's text that reads as a number (as a CSV file gives it) compares
    with numbers too. Lists and objects compare with nothing.

    Args:
        root: the parsed condition.
    """

    root: Condition

    @classmethod
    def parse(cls, where: str | Mapping[str, Any]) -> Filter:
        """Parse and check.

        Args:
            where: a JSON object, as text or already loaded. `{}` holds for every item.

        Raises:
            InvalidInput: it is no filter; the sentence says where.
        """
        if isinstance(where, str):
            if len(where) > MAX_TEXT:
                raise InvalidInput(f"The filter 'where' is longer than {MAX_TEXT} characters; make it shorter.")
            try:
                where = json.loads(where)
            except (ValueError, RecursionError) as error:
                raise InvalidInput(f"The filter 'where' is not JSON ({_short(error)}).") from error
        root = _condition(where, depth=1)
        if root.size() > MAX_SIZE:
            raise InvalidInput(f"The filter 'where' holds more than {MAX_SIZE} conditions and values; make it shorter.")
        return cls(root)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record fulfils the filter."""
        return self.root.holds(record)

    def sql(self) -> tuple[str, list[Any]]:
        """Return the SQL expression over `items`, 0 or 1, and its parameters in order."""
        parameters: list[Any] = []
        return self.root.sql(parameters), parameters


def _condition(where: Any, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise InvalidInput(f"The filter 'where' is nested deeper than {MAX_DEPTH}.")
    if not isinstance(where, Mapping):
        raise InvalidInput(f'A filter \'where\' is a JSON object like {{"brand": "X"}}, not {_short(where)}.')
    parts: list[Condition] = []
    for key, value in where.items():
        if key in ("$and", "$or"):
            if not isinstance(value, list):
                raise InvalidInput(f"'{key}' in the filter 'where' takes a list of filters, not {_short(value)}.")
            parts.append(Join(key == "$or", tuple(_condition(part, depth + 1) for part in value)))
        elif key == "$not":
            parts.append(Not(_condition(value, depth + 1)))
        elif str(key).startswith("$"):
            raise InvalidInput(
                f"The filter 'where' has the unknown operator '{_short(key)}'; around fields go $and, $or and $not."
            )
        else:
            parts.extend(_comparisons(_field(key), value))
    return parts[0] if len(parts) == 1 else Join(False, tuple(parts))


def _comparisons(field: str, value: Any) -> Iterator[Condition]:
    """What a field must fulfil: a bare value, or an object of operators."""
    if not isinstance(value, Mapping):
        yield Compare(field, "$eq", _operand(field, "$eq", value))
        return
    if not value:
        raise InvalidInput(f"'{field}' in the filter 'where' has no condition; leave it out or give a value.")
    for operator, operand in value.items():
        if operator not in OPERATORS:
            raise InvalidInput(
                f"'{field}' in the filter 'where' has the unknown operator '{_short(operator)}'; "
                f"it takes {', '.join(OPERATORS)}."
            )
        if operator in LISTED:
            if not isinstance(operand, list):
                raise InvalidInput(f"'{operator}' of '{field}' in the filter 'where' takes a list of values.")
            one_of = Join(True, tuple(Compare(field, "$eq", _operand(field, operator, one)) for one in operand))
            yield one_of if operator == "$in" else Not(one_of)
        elif operator == "$exists":
            if not isinstance(operand, bool):
                raise InvalidInput(f"'$exists' of '{field}' in the filter 'where' takes true or false.")
            yield Compare(field, operator, operand)
        elif operator == "$ne":
            yield Not(Compare(field, "$eq", _operand(field, operator, operand)))
        else:
            yield Compare(field, operator, _operand(field, operator, operand))


def _field(key: Any) -> str:
    """Return the name of a column, or of an attribute with its prefix."""
    name = key.removeprefix(ATTRIBUTE) if isinstance(key, str) else ""
    if not 0 < len(name) <= _MAX_FIELD or not _clean(name) or any(c in '"\\' or ord(c) < 32 for c in name):
        raise InvalidInput(
            f"The filter 'where' has the field name '{_short(key)}'; a name has 1 to {_MAX_FIELD} characters "
            "and no quotes, backslashes or control characters."
        )
    return key if key in COLUMNS else ATTRIBUTE + name


def _operand(field: str, operator: str, value: Any) -> Operand:
    """Return the value if the field and the operator can be compared with it."""
    kind = COLUMNS.get(field)
    place = f"'{operator}' of '{field}' in the filter 'where'"
    if value is None and operator not in ORDERED:
        return None
    if isinstance(value, bool):
        if kind is None and operator not in ORDERED:
            return value
    elif isinstance(value, (int, float)) and kind is not str:
        if not abs(value) < 2**63:
            raise InvalidInput(f"{place} takes a number of ordinary size.")
        return value
    elif isinstance(value, str) and kind is not float:
        if not _clean(value):
            raise InvalidInput(f"{place} holds text that is not valid Unicode.")
        return value
    expected = {float: "a number", str: "text"}[kind] if kind else "text or a number"
    raise InvalidInput(f"{place} takes {expected}, not {_short(value)}.")


def _clean(text: str) -> bool:
    """Return whether SQLite stores and compares the text as Python does."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _short(value: object) -> str:
    text = str(value)
    return (text if len(text) <= 60 else text[:57] + "…").encode("utf-8", "replace").decode()
