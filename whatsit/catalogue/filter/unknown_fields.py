"""Refusal of filters that name a field which no item has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.condition import ATTRIBUTE, COLUMNS, Compare, Condition, Join, Not
from whatsit.catalogue.filter.where_filter import Filter

_NEAR = 3
_LISTED = 12


def asked_attributes(where: Filter) -> set[str]:
    """Return the attributes that a filter compares; `$exists` compares nothing."""
    return _attributes(where.root)


def refuse_unknown_fields(where: Filter, known: Iterable[str]) -> None:
    """Refuse a filter on attributes that no item has; call it where nothing was found.

    Args:
        where: the filter.
        known: names of the items' attributes; none where there are no items, and then nothing is refused.

    Raises:
        InvalidInput: it names one; the sentence names the near ones.
    """
    names = set(known)
    unknown = sorted(asked_attributes(where) - names)
    if not unknown:
        return
    near = near_names(unknown[0], [*COLUMNS, *sorted(names)])
    fields = [*COLUMNS, *sorted(names)]
    more = f", … ({len(fields)} fields)" if len(fields) > _LISTED else ""
    hint = f"did you mean {' or '.join(near)}?" if near else f"the fields are {', '.join(fields[:_LISTED])}{more}."
    raise InvalidInput(f"No item has the field '{unknown[0][:60]}' that the filter 'where' names: {hint}")


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are most like one, best first."""
    by_plain = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name.casefold(), by_plain, n=_NEAR, cutoff=0.6)
    return [by_plain[one] for one in found]


def _attributes(condition: Condition) -> set[str]:
    if isinstance(condition, Not):
        return _attributes(condition.part)
    if isinstance(condition, Join):
        return set().union(*map(_attributes, condition.parts)) if condition.parts else set()
    assert isinstance(condition, Compare)  # there is no fourth kind
    if condition.operator == "$exists" or condition.field in COLUMNS:
        return set()
    return {condition.field.removeprefix(ATTRIBUTE)}
