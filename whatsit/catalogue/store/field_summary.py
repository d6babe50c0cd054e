"""Fields of the items: how many have each, of which type, and examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whatsit.catalogue.filter.condition import COLUMNS
from whatsit.catalogue.filter.unknown_fields import asked_attributes, refuse_unknown_fields
from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.store.change_log import ChangeLog
from whatsit.catalogue.store.database import Database

_EXAMPLES = 3
_LONGEST = 40
_KINDS = {"text": "text", "integer": "number", "real": "number", "true": "true/false", "false": "true/false"}
_TRUTH = ("true", "false")
_KINDS |= {"array": "list", "object": "object"}


@dataclass
class FieldSummary:
    """One field that filters may name.

    Args:
        name: as in a filter.
        items: that have it.
        kinds: of its values: text, number, true/false; a list or object fits no filter.
        examples: values of different items.
        low: smallest number, None where there is none.
        high: largest number.
    """

    name: str
    items: int = 0
    kinds: set[str] = field(default_factory=set)
    examples: list[Any] = field(default_factory=list)
    low: float | None = None
    high: float | None = None

    def take(self, value: Any, kind: str, items: int = 1) -> None:
        """Count a value of so many items."""
        self.items += items
        self.kinds.add(kind)
        if len(self.examples) < _EXAMPLES and value not in self.examples:
            self.examples.append(value if not isinstance(value, str) or len(value) <= _LONGEST else value[:_LONGEST])
        if kind == "number":
            self.low = float(value) if self.low is None else min(self.low, float(value))
            self.high = float(value) if self.high is None else max(self.high, float(value))

    def to_record(self) -> dict[str, Any]:
        """Return the summary as a JSON object."""
        return {**vars(self), "kinds": sorted(self.kinds)}


class FieldCheck:
    """Refuses filters that found nothing and name a field that no item has.

    Args:
        database: of the store.
        changes: its log; the names of fields are read again after a change.
    """

    def __init__(self, database: Database, changes: ChangeLog) -> None:
        self._database, self._changes = database, changes
        self._known: tuple[int, frozenset[str]] = (-1, frozenset())

    def __call__(self, where: Filter | None, found: int) -> None:
        """Check a filter, None for none, that so many items fulfil.

        Raises:
            InvalidInput: no item has its field; the sentence names the near ones.
        """
        if where is None or found or not asked_attributes(where):
            return
        position = self._changes.position()
        if self._known[0] != position:
            rows = self._database.rows("SELECT DISTINCT key FROM items, json_each(items.attributes)")
            self._known = (position, frozenset(row[0] for row in rows))
        if self._database.rows("SELECT 1 FROM items LIMIT 1"):
            refuse_unknown_fields(where, self._known[1])


def field_summaries(database: Database) -> list[FieldSummary]:
    """Return the fields of all items: columns first, then attributes by frequency."""
    found: dict[str, FieldSummary] = {name: FieldSummary(name) for name in COLUMNS}
    for name, kind in COLUMNS.items():
        for value, items in database.rows(
            f"SELECT {name}, count(*) FROM items WHERE merged_into IS NULL AND {name} IS NOT NULL "
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        ):
            found[name].take(value, "number" if kind is float else "text", items)
    for name, atom, kind, items in database.rows(
        "SELECT key, coalesce(atom, value), type, count(*) FROM items, json_each(items.attributes) "
        "WHERE merged_into IS NULL GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2"
    ):
        value = (
            kind == "true" if kind in ("true", "false") else json.loads(atom) if kind in ("array", "object") else atom
        )
        found.setdefault(name, FieldSummary(name)).take(value, _KINDS.get(kind, kind), items)
    return _ordered(found)


def _ordered(found: Mapping[str, FieldSummary]) -> list[FieldSummary]:
    kept = [one for one in found.values() if one.items]
    return sorted(kept, key=lambda one: (one.name not in COLUMNS, 0 if one.name in COLUMNS else -one.items))
