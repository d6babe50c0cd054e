"""The grocery data set through a running server: shop images as the catalogue, phone photos as the calls."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from whatsit_client import Client

from whatsit.evaluation.grocery import GroceryStore
from whatsit.evaluation.identify import Outcome, Query, Row, run_queries, tabulate
from whatsit.serving.ingestion import index_source
from whatsit.serving.launcher import Ports, Server
from whatsit.serving.metrics import request_successes


@dataclass(frozen=True)
class Report:
    """What the run showed.

    Args:
        rows: recall by group and mode.
        calls: photos sent, each in one inference call.
        successes: by how much Triton's own counter of `identify` rose.
        gated: calls where the gate was closed although the catalogue held the thing.
        answered: calls whose structured answer named the right item.
        regions: parts of a picture that were looked up, on average.
        median_ms: of a call, one caller, in milliseconds.
    """

    rows: tuple[Row, ...]
    calls: int
    successes: int
    gated: int
    answered: int
    regions: float
    median_ms: float


def write_products(grocery: GroceryStore, path: Path) -> None:
    """The 81 classes as a merchant's file: shop image, title, coarse class as category, description."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "category", "image", "department", "description"])
        for product in grocery.gallery():
            title = product.name.replace("-", " ")
            image = str(product.image.resolve())
            writer.writerow([product.name, title, product.coarse, image, product.department, product.description])


def evaluate_grocery(
    folder: Path,
    work: Path,
    limit: int | None = None,
    started: Callable[[int], None] = lambda total: None,
    advanced: Callable[[], None] = lambda: None,
) -> Report:
    """Index the shop images, start Triton, send the val photos over gRPC one by one.

    Args:
        folder: `grocery_store`.
        work: where the catalogue is built; kept, so that a second run is quick.
        limit: only so many photos, evenly spread; None for all.
        started: called with the number of photos once the server is ready.
        advanced: called after each photo.

    Raises:
        InvalidInput: the data set is not there.
    """
    grocery = GroceryStore(folder)
    work.mkdir(parents=True, exist_ok=True)
    write_products(grocery, work / "products.csv")
    index_source(work / "catalogue", work / "products.csv")
    photos = list(zip(grocery.queries(), grocery.truth(), strict=True))
    if limit is not None:
        photos = photos[:: max(1, len(photos) // limit)][:limit]
    outcomes: list[Outcome] = []
    seconds: list[float] = []
    with Server(work / "catalogue", ports=Ports(0, 0, 0)) as server, Client(server.grpc_url) as client:
        before = request_successes(server.metrics_url, "identify")
        started(len(photos))
        begin = time.perf_counter()
        for outcome in run_queries(_queries(grocery, photos), client.identify):
            outcomes.append(outcome)
            seconds.append(time.perf_counter() - begin)
            advanced()
            begin = time.perf_counter()
        successes = request_successes(server.metrics_url, "identify") - before
    return Report(
        rows=tuple(tabulate(outcomes)),
        calls=len(outcomes),
        successes=successes,
        gated=sum(outcome.gated for outcome in outcomes),
        answered=sum(outcome.answered for outcome in outcomes),
        regions=sum(outcome.regions for outcome in outcomes) / len(outcomes),
        median_ms=1000 * sorted(seconds)[len(seconds) // 2],
    )


def _queries(grocery: GroceryStore, photos: list[tuple[Path, int]]) -> Iterator[Query]:
    classes = grocery.gallery()
    for path, label in photos:
        group = "packages" if classes[label].department == "Packages" else "fruit and vegetables"
        yield Query(path.read_bytes(), classes[label].name, group)
