"""Facets: the values of the items' fields, with counts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from whatsit.catalogue.store.database import Database
from whatsit.index.index_kind import Numbers

_FIELDS = 20
_MOST_SHARED = 0.9  # a field whose values are nearly all different is no facet


@dataclass(frozen=True)
class Facet:
    """One field.

    Args:
        name: as in a filter: `brand`, `category`, `price`, or of an attribute.
        items: that have it.
        values: its most frequent values with the numbers of their items, most frequent first; () for `price`.
        low: smallest number, None for texts.
        high: largest number.
    """

    name: str
    items: int
    values: tuple[tuple[Any, int], ...] = field(default=())
    low: float | None = None
    high: float | None = None


def facets(database: Database, numbers: Numbers | None, limit: int) -> list[Facet]:
    """Return the facets of items.

    Args:
        database: of the store.
        numbers: of the items; None for all.
        limit: values of each.
    """
    chosen, values = "merged_into IS NULL", []
    if numbers is not None:
        chosen += " AND number IN (SELECT value FROM json_each(?))"
        values = [json.dumps(numbers.tolist())]
    found = [_column(database, name, chosen, values, limit) for name in ("category", "brand")]
    row = database.rows(f"SELECT count(price), min(price), max(price) FROM items WHERE {chosen}", values)[0]
    found.append(Facet("price", row[0], (), row[1], row[2]))
    found += _attributes(database, chosen, values, limit)
    return [facet for facet in found if facet.items]


def _column(database: Database, name: str, chosen: str, values: list[Any], limit: int) -> Facet:
    rows = database.rows(
        f"SELECT {name}, count(*) FROM items WHERE {chosen} AND coalesce({name}, '') != '' "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
        values,
    )
    return Facet(name, sum(row[1] for row in rows), tuple((row[0], row[1]) for row in rows[:limit]))


def _attributes(database: Database, chosen: str, values: list[Any], limit: int) -> list[Facet]:
    rows = database.rows(
        "SELECT key, atom, type, count(*) FROM items, json_each(items.attributes) "
        f"WHERE {chosen} AND type IN ('text', 'integer', 'real', 'true', 'false') AND key != '' GROUP BY 1, 2, 3 "
        "ORDER BY 4 DESC, 2",
        values,
    )
    fields: dict[str, list[tuple[Any, int]]] = {}
    for key, atom, kind, count in rows:
        value = kind == "true" if kind in ("true", "false") else atom
        fields.setdefault(key, []).append((value, count))
    found = []
    for key, pairs in fields.items():
        items = sum(count for _, count in pairs)
        if len(pairs) > limit and len(pairs) > _MOST_SHARED * items:
            continue
        plain = [value for value, _ in pairs if type(value) in (int, float)]
        low, high = (float(min(plain)), float(max(plain))) if len(plain) == len(pairs) else (None, None)
        found.append(Facet(key, items, tuple(pairs[:limit]), low, high))
    return sorted(found, key=lambda facet: (-facet.items, facet.name))[:_FIELDS]
