"""Milliseconds of a `where` filter before the search, by SQLite and by columns.

    python -m perf.catalogue.filters [--items 10000,100000]  # 4 minutes; perf/results/filters.csv and .md

Items are made by direct SQL: 200 brands, 50 categories, 20,000 prices, two attributes. Each figure is the median of
repeated requests of one thread in one process; `follow` is the same with an item changed before each request, `first`
the request that reads the fields, `opened` the first request of a server on a published catalogue, which finds fields
in a file beside the index (CPU time), and `mask` what the search then adds to turn numbers into a selector of its rows.
"""

from __future__ import annotations

import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import Out, positive_numbers, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import markdown
from whatsit.catalogue import Filter, Store
from whatsit.catalogue.store.change_log import record_change
from whatsit.catalogue.store.column_file import FIELDS_FILE

FILTERS: dict[str, dict[str, Any]] = {
    "rare": {"brand": "brand7", "category": "category7", "colour": "red", "price": {"$lt": 50}},
    "medium": {"$or": [{"brand": {"$in": ["brand1", "brand2", "brand3"]}}, {"price": {"$gte": 150}}]},
    "not": {"$not": {"$or": [{"size": {"$gt": 3}}, {"colour": "red"}]}},
    "everything": {"price": {"$gte": 0}, "missing": {"$exists": False}},
    "one id": {"id": "i77"},
}
COLUMNS = ("items", "filter", "found", "sqlite_ms", "first_ms", "opened_ms", "columns_ms", "follow_ms", "mask_ms")


def fill(path: Path, items: int) -> None:
    """Make a catalogue of so many items, without pictures."""
    Store(path).close()
    connection = sqlite3.connect(path)
    colours = ("red", "blue", "green", "black", "white")
    rng = np.random.default_rng(1)
    prices = rng.integers(0, 20_000, size=items)
    brands, categories = rng.integers(0, 200, size=items), rng.integers(0, 50, size=items)
    rows = (
        (f"i{i}", f"Item number {i}", f"brand{brands[i]}", f"category{categories[i]}", prices[i] / 100,
         f'{{"colour": "{colours[i % 5]}", "size": {i % 12}}}')
        for i in range(items)
    )  # fmt: skip
    with connection:
        connection.executemany(
            "INSERT INTO items (id, title, brand, category, price, attributes, added, updated) "
            "VALUES (?,?,?,?,?,?,'2026','2026')",
            rows,
        )
    connection.close()


def median_ms(ask: Callable[[], object], budget_s: float, least: int = 3) -> float:
    """Return the median time of a call, repeated for so many seconds."""
    taken: list[float] = []
    end = time.perf_counter() + budget_s
    while len(taken) < least or (time.perf_counter() < end and len(taken) < 200):
        begun = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begun) * 1e3)
    return float(np.median(taken))


def measure(items: int) -> list[tuple[object, ...]]:
    """Return the rows of the table for one size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.sqlite"
        fill(path, items)
        rows = []
        with Store(path) as publisher:
            begun = time.perf_counter()
            publisher.columns.save(path.with_name(FIELDS_FILE))
            size = path.with_name(FIELDS_FILE).stat().st_size / 1e6
            print(f"{items} items: file of fields in {time.perf_counter() - begun:.1f} s, {size:.1f} MB", flush=True)
        with Store(path) as writer, Store(path, read_only=True) as store:
            for name, where in FILTERS.items():
                rows.append((items, name, *_one(writer, store, Filter.parse(where))))
                print(" ".join(f"{value:>12}" for value in rows[-1]), flush=True)
    return rows


def _one(writer: Store, store: Store, where: Filter) -> tuple[object, ...]:
    def select() -> npt.NDArray[Any]:
        selected = store.columns.select(where)
        return store.select(where) if selected is None else selected

    def follow() -> None:
        with writer._database.transaction() as connection:
            connection.execute("UPDATE items SET price = price + 0.01 WHERE number = 5")
            record_change(connection, 5)
        begun = time.perf_counter()
        select()
        followed.append((time.perf_counter() - begun) * 1e3)

    def opened() -> float:
        with Store(store.path, read_only=True) as server:
            server.columns.prepare(store.path.with_name(FIELDS_FILE))
            server.count()
            begun = time.thread_time()
            server.columns.select(where)
            return (time.thread_time() - begun) * 1e3

    followed: list[float] = []
    prepared = float(np.median([opened() for _ in range(3)]))
    begun = time.perf_counter()
    selected = select()
    first = (time.perf_counter() - begun) * 1e3
    columns = median_ms(select, 2)
    for _ in range(10):
        follow()
    sqlite_ms = median_ms(lambda: store.select(where), 4)
    np.testing.assert_array_equal(store.select(where), select())
    rows = np.arange(1, store.count() + 1)
    mask = median_ms(lambda: np.isin(rows, selected), 1)
    figures = (sqlite_ms, first, prepared, columns, float(np.median(followed)), mask)
    return len(selected), *(f"{figure:.2f}" for figure in figures)


def main(
    items: Annotated[str, typer.Option(help="Sizes, a comma list.")] = "10000,100000,1000000", out: Out = RESULTS
) -> None:
    """Measure, print and write."""
    print(" ".join(f"{name:>12}" for name in COLUMNS))
    rows = [row for size in positive_numbers(items) for row in measure(size)]
    setting = Setting.of_this_machine(f"SQLite {sqlite3.sqlite_version}")
    setting.write(out / "filters.csv", COLUMNS, rows)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        "# What a filter costs a request before the search, in milliseconds",
        "",
        f"{setting.date}, {setting.commit}, {setting.processor}, {setting.cores} cores, {setting.versions}. "
        f"`python -m perf.catalogue.filters`. The process grew to {memory:.0f} MB.",
        "",
        *markdown(COLUMNS, rows),
        "",
        (__doc__ or "").strip().split("\n\n")[-1],
        "",
    ]
    (out / "filters.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
