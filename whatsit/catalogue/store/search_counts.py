"""Counts of searches by state, of found items and confused pairs."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from whatsit.catalogue.store.store import Store

STATES = ("found", "unsure", "not_found", "not_searched")
KEPT_DAYS = 400


class SearchCounts:
    """What was answered since the last `take`, to be added to a store.

    Not safe for threads: counted in the event loop alone.
    """

    def __init__(self) -> None:
        self._states: Counter[tuple[str, str]] = Counter()
        self._found: Counter[tuple[str, str]] = Counter()
        self._confused: Counter[tuple[str, str, str]] = Counter()

    def __bool__(self) -> bool:
        return bool(self._states)

    def count(self, day: str, state: str, closest: list[str]) -> None:
        """Count an answer.

        Args:
            day: ISO 8601.
            state: of `STATES`.
            closest: ids of the nearest items, best first.
        """
        self._states[day, state] += 1
        if state == "found" and closest:
            self._found[day, closest[0]] += 1
        elif state == "unsure" and len(closest) > 1:
            one, other = sorted(closest[:2])
            self._confused[day, one, other] += 1

    def take(self) -> SearchCounts:
        """Return what was counted, and begin anew."""
        taken = SearchCounts()
        taken._states, taken._found, taken._confused = self._states, self._found, self._confused
        self.__init__()  # type: ignore[misc]  # empty again
        return taken

    def add(self, other: SearchCounts) -> None:
        """Add counts that could not be written."""
        self._states += other._states
        self._found += other._found
        self._confused += other._confused

    def write(self, store: Store) -> None:
        """Add the counts to a store's, and forget what is older than `KEPT_DAYS`."""
        with store.transaction() as connection:
            for table, columns, counts in (
                ("search_counts", "day, state", self._states),
                ("found_counts", "day, item", self._found),
                ("confused_counts", "day, one, other", self._confused),
            ):
                marks = ",".join("?" * (columns.count(",") + 2))
                connection.executemany(
                    f"INSERT INTO {table} ({columns}, searches) VALUES ({marks}) "
                    f"ON CONFLICT ({columns}) DO UPDATE SET searches = searches + excluded.searches",
                    [(*key, number) for key, number in counts.items()],
                )
                last = (date.today() - timedelta(days=KEPT_DAYS)).isoformat()
                connection.execute(f"DELETE FROM {table} WHERE day < ?", (last,))


def read_search_counts(store: Store, days: int, today: date) -> list[dict[str, Any]]:
    """Return the counts of each of the last days, oldest first, zeros too."""
    first = today - timedelta(days=days - 1)
    with store.snapshot() as connection:
        rows = connection.execute("SELECT day, state, searches FROM search_counts WHERE day >= ?", (first.isoformat(),))
        found = {(day, state): number for day, state, number in rows}
    named = [(first + timedelta(days=n)).isoformat() for n in range(days)]
    return [{"day": day, **{state: found.get((day, state), 0) for state in STATES}} for day in named]
