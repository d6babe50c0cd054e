"""Time of `/v1/items` at 100,000 items: pages, orders, words, filters.

python -m perf.catalogue.items_listing --out /tmp/listing
"""

from __future__ import annotations

import json
import statistics
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from perf.catalogue.studio_server import studio_server
from perf.common.command import run_command
from perf.common.tables import markdown
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store

RESULTS = Path(__file__).resolve().parents[1] / "results" / "items_listing.csv"
BATCH = 5_000
COLOURS = ("red", "green", "blue", "black", "white", "grey", "oak", "pine", "silver", "golden")
KINDS = ("mug", "chair", "lamp", "table", "shirt", "milk", "bread", "juice", "towel", "shelf", "bottle", "plate")
SYLLABLES = ("ba", "ne", "ri", "to", "lu", "ska", "vi", "mor", "el", "an", "du", "fi", "gra", "ho", "jun", "kel")
CASES = {
    "first page": "",
    "page at 99,900": "offset=99900",
    "by title": "sort=title",
    "by title, page at 50,000": "sort=title&offset=50000",
    "by price, descending": "sort=-price",
    "by last change": "sort=-updated",
    "word, 1 in 12": "text=chair",
    "word, 1 in 12, by price": "text=chair&sort=price",
    "two words": "text=red+lamp",
    "rare word": "text={rare}",
    "begun word": "text=ska",
    "filter": 'where={"brand":"Brand 7"}',
    "filter and word": 'where={"category":"chair"}&text=red',
    "price range": 'where={"price":{"$lt":20}}',
}


def measure(
    items: Annotated[int, typer.Option(help="Items of the catalogue.")] = 100_000,
    out: Annotated[Path, typer.Option(help="Folder of the catalogue, made where missing.")] = Path("listing"),
    repeats: int = 7,
) -> None:
    """Measure each list cold (the catalogue changed since) and warm (a further page of it)."""
    made = catalogue_of(out / f"items-{items}", items)
    rows: list[list[Any]] = []
    with studio_server(made) as url, Store(Layout(made).store) as store:
        rare = store.page(limit=1)[0]["title"].split()[0]
        for name, query in CASES.items():
            query = query.format(rare=rare) if "{rare}" in query else query
            cold, warm, total = [], [], 0
            for n in range(repeats):
                touch(store, n)
                total, seconds = ask(url, query)
                cold.append(seconds)
                warm.append(ask(url, query)[1])
            rows.append([name, total, *(f"{1000 * value:.1f}" for value in (
                statistics.median(cold), max(cold), statistics.median(warm), max(warm)))])  # fmt: skip
            print(*rows[-1], sep="\t", flush=True)
    columns = ["list", "items in it", "cold ms", "cold worst", "warm ms", "warm worst"]
    RESULTS.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in [columns, *rows]) + "\n")
    print("\n".join(markdown(columns, rows)))


def ask(url: str, query: str) -> tuple[int, float]:
    """Return the total of a list, and the seconds until its page of 100 was read."""
    quoted = urllib.parse.quote(query, safe="=&+")
    begin = time.perf_counter()
    with urllib.request.urlopen(f"{url}/v1/items?limit=100&details=true&{quoted}") as reply:
        body = json.loads(reply.read())
    return int(body["total"]), time.perf_counter() - begin


def touch(store: Store, n: int) -> None:
    """Change an item, so that nothing kept of lists is of use."""
    with store.transaction() as connection:
        connection.execute("INSERT INTO changes (item) VALUES (?)", (1 + n,))


def catalogue_of(folder: Path, items: int) -> Path:
    """Return a catalogue of items with fields as shops have them, and a vector of 4 numbers each."""
    with Store(Layout(folder).store) as store:
        start = store.count()
        for begin in range(start, items, BATCH):
            store.put(_items(begin, min(begin + BATCH, items)))
            print(f"{begin} of {items} items", flush=True)
    return folder


def _items(begin: int, end: int) -> Iterator[tuple[ItemFields, list[Picture], str]]:
    for n in range(begin, end):
        rng = np.random.default_rng(n)
        name = "".join(rng.choice(SYLLABLES, 4)).title()
        colour, kind = str(rng.choice(COLOURS)), str(rng.choice(KINDS))
        attributes = {"colour": colour, "size": int(rng.integers(1, 60)), "material": str(rng.choice(COLOURS[6:])),
                      "description": " ".join(rng.choice(SYLLABLES, 20))}  # fmt: skip
        fields = ItemFields(
            f"P{n:06}", f"{name} {kind} {colour}", f"Brand {rng.integers(200)}", kind,
            round(float(rng.gamma(2.0, 20.0)), 2), f"https://shop.example/p/{n}", attributes,
        )  # fmt: skip
        vector = Vector((0.0, 0.0, 100.0, 100.0), rng.normal(size=4).astype(np.float32))
        yield fields, [Picture(f"https://shop.example/i/{n}.jpg", f"{n:064x}", (vector,))], "made up"


if __name__ == "__main__":
    run_command(measure)
