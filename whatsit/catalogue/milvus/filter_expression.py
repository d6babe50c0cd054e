"""Filters as Milvus expressions, with the meaning that they have in SQL.

Milvus compares JSON values by other rules (mixed types, large integers, missing keys). So an item's fields are
stored beside its record as *facts*: texts in ASCII that sort as the values do, one kind after the other. Every
comparison of a filter is then one of two texts.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from typing import Any

from whatsit.catalogue.filter.condition import ATTRIBUTE, COLUMNS, Compare, Condition, Join, Not, number_in
from whatsit.catalogue.filter.where_filter import Filter

TEXT_BYTES = 200
"""Of a longer text the facts hold the beginning and a digest: it can be equal, and ordered against shorter ones."""

_PLAIN = re.compile(r"[A-Za-z0-9_]{1,100}")
# Kinds in the order of their first letters; the next letter ends the range of a kind.
_TRUTH, _NUMBER, _OTHER, _TEXT, _END = "b", "n", "o", "s", "t"
# The sign of a comparison, and that of its opposite.
_SIGNS = {"$gt": (">", "<="), "$gte": (">=", "<"), "$lt": ("<", ">="), "$lte": ("<=", ">")}


class UnsupportedFilter(Exception):
    """A filter that no expression over the facts has."""


def facts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts of an item that expressions are about.

    Args:
        record: with the fields at the top and free ones under `attributes`.

    Returns:
        Key -> sortable ASCII; what is absent or null has no key. Keys that begin with `n_` hold the number of
        what is one, or is text that reads as one.
    """
    facts: dict[str, str] = {}
    fields = {name: record.get(name) for name in COLUMNS}
    fields |= {ATTRIBUTE + key: value for key, value in (record.get("attributes") or {}).items()}
    for field, value in fields.items():
        if value is None:
            continue
        facts[_key("v", field)] = sortable(value)
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else number_in(value)
        if number is not None:
            facts[_key("n", field)] = sortable(number)
    return facts


def category_of(record: Mapping[str, Any]) -> str:
    """What the partition key holds: the sortable category, "" for none."""
    category = record.get("category")
    return "" if category is None else sortable(category)


def sortable(value: Any) -> str:
    """ASCII that compares with that of another value of its kind as the values do.

    Example:
        >>> sortable(-1.5) < sortable(7) == sortable(7.0) < sortable(7.5)
        True
        >>> sortable("a") < sortable("ab") < sortable("ä")
        True
    """
    if isinstance(value, bool):
        return f"{_TRUTH}{int(value)}"
    if isinstance(value, (int, float)):
        return _NUMBER + _sortable_number(value)
    if isinstance(value, str):
        data = value.encode()
        if len(data) <= TEXT_BYTES:
            return _TEXT + data.hex()
        return f"{_TEXT}{data[:TEXT_BYTES].hex()}~{hashlib.sha256(data).hexdigest()}"
    return _OTHER


def expression(where: Filter) -> str | bool:
    """Return the filter as expression, or whether it holds for all items or none.

    Raises:
        UnsupportedFilter: it orders texts that are longer than the facts hold.
    """
    return _compiled(where.root, True)


def _compiled(condition: Condition, wanted: bool) -> str | bool:
    """Return the expression of a condition or of its opposite.

    Negations move to the comparisons, which know whether a value is missing.
    """
    if isinstance(condition, Not):
        return _compiled(condition.part, not wanted)
    if isinstance(condition, Join):
        return _joined(condition, wanted)
    return _comparison(condition, wanted)


def _joined(join: Join, wanted: bool) -> str | bool:
    by_any = join.any == wanted  # the opposite of "any holds" is "all do not hold"
    listed: list[str] = []
    parts: list[str | bool] = []
    for part in join.parts:
        one_of = join.any and isinstance(part, Compare) and part.field == "category" and part.operator == "$eq"
        if one_of and isinstance(part, Compare) and part.operand is not None:
            listed.append(f'"{sortable(part.operand)}"')  # a list of partition keys, which Milvus looks up
        else:
            parts.append(_compiled(part, wanted))
    if listed:
        parts.append(f"category {'in' if wanted else 'not in'} [{','.join(listed)}]")
    if by_any in parts:  # `true` decides an "or", `false` an "and"
        return by_any
    texts = [part for part in parts if isinstance(part, str)]
    if not texts:
        return not by_any
    return texts[0] if len(texts) == 1 else f"({(' or ' if by_any else ' and ').join(texts)})"


def _comparison(compare: Compare, wanted: bool) -> str:
    reference, there = _reference(compare)
    if compare.operator == "$exists" or compare.operand is None:
        present = compare.operator == "$exists" and bool(compare.operand)
        return there if present == wanted else f"not ({there})"
    value = sortable(compare.operand)
    if compare.operator == "$eq":
        return f'{reference} == "{value}"' if wanted else f'(not ({there}) or {reference} != "{value}")'
    if "~" in value:
        raise UnsupportedFilter
    kind = value[0]
    # In the alphabet of the kinds, the next letter after a kind is above all of its values.
    low, high = f'"{kind}"', f'"{_END if kind == _TEXT else _OTHER}"'
    inside, outside = _SIGNS[compare.operator]
    if inside[0] == ">":
        bounds = f"{reference} < {high}", f"{reference} >= {high}"
    else:
        bounds = f"{reference} >= {low}", f"{reference} < {low}"
    if wanted:
        return f'({reference} {inside} "{value}" and {bounds[0]})'
    return f'(not ({there}) or {reference} {outside} "{value}" or {bounds[1]})'


def _reference(compare: Compare) -> tuple[str, str]:
    """Return the expressions of a comparison's value and of its presence."""
    if compare.field == "category":
        return "category", 'category != ""'
    numeric = isinstance(compare.operand, (int, float)) and not isinstance(compare.operand, bool)
    prefix = "n" if numeric and compare.operator != "$exists" else "v"
    reference = f'facts["{_key(prefix, compare.field)}"]'
    return reference, f"exists {reference}"


def _key(prefix: str, field: str) -> str:
    """A key without characters that need escaping."""
    kind, name = ("a", field.removeprefix(ATTRIBUTE)) if field.startswith(ATTRIBUTE) else ("c", field)
    return f"{prefix}_{kind}_{name}" if _PLAIN.fullmatch(name) else f"{prefix}_{kind}x_{name.encode().hex()}"


def _sortable_number(value: int | float) -> str:
    """Return the nearest double's bits in order, then an integer's distance from it."""
    nearest = float(value) + 0.0  # -0.0 becomes 0.0
    off = value - int(nearest) if isinstance(value, int) else 0
    (bits,) = struct.unpack(">Q", struct.pack(">d", nearest))
    bits = bits ^ (2**64 - 1) if bits >> 63 else bits | 1 << 63
    return f"{bits:016x}{off + 2048:04x}"
