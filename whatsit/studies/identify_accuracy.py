"""Accuracy of `identify` through a server: grocery photos and product scenes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from whatsit_client import Client

from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.evaluation.datasets.grocery import GroceryClass, GroceryStore
from whatsit.evaluation.datasets.product_scenes import ProductScene, collages, drawn_scenes
from whatsit.evaluation.reports.identify_report import Outcome, Query, Row, run_queries, tabulate
from whatsit.evaluation.reports.scene_report import SceneRow, match_scene, tabulate_scenes
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import write_shop
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.serving.metrics.scrape import request_successes
from whatsit.studies.grocery_catalogues import grocery_catalogue

SHOP_SEED = 3
"""Of the drawn shop: training takes seeds from 1000 on, the demonstration 1, the detector's and ranking's reports 2."""
SHOP_PRODUCTS = 300
_COLLAGE_SEED = 0

Started = Callable[[str, int], None]
Advanced = Callable[[], None]


@dataclass(frozen=True)
class Report:
    """Figures of the run.

    Args:
        rows: recall of photos of one item, by group and mode.
        scenes: recall in scenes of several products, by group and mode.
        calls: photos of one item sent, each in one inference call.
        scene_calls: scenes sent, each in one inference call.
        successes: increase of Triton's counter of `identify`.
        gated: calls where the gate was closed although the catalogue held the thing.
        answered: photos of one item whose structured answer named it.
        regions: regions searched in such a photo, on average.
        median_ms: of a call with such a photo, one caller, in milliseconds.
    """

    rows: tuple[Row, ...]
    scenes: tuple[SceneRow, ...]
    calls: int
    scene_calls: int
    successes: int
    gated: int
    answered: int
    regions: float
    median_ms: float


def evaluate_grocery(
    folder: Path,
    work: Path,
    limit: int | None = None,
    scenes: int = 0,
    started: Started = lambda what, total: None,
    advanced: Advanced = lambda: None,
) -> Report:
    """Start Triton and send val photos, then scenes of several products, over gRPC.

    The catalogue of photos and collages is the 81 shop images; that of the drawn scenes is their shop.

    Args:
        folder: `grocery_store`.
        work: where the catalogues are built; kept for a second run.
        limit: only so many photos, evenly spread; None for all.
        scenes: collages of val photos, and as many scenes of a drawn shop; 0 for none.
        started: called with what is sent, and how many, once the server is ready.
        advanced: called after each picture.

    Raises:
        InvalidInput: the data set is not there.
    """
    grocery = GroceryStore(folder)
    catalogue = grocery_catalogue(grocery, work, lambda what, done, total: None, geometry=False)
    photos = grocery.photos(limit=limit)
    outcomes: list[Outcome] = []
    seconds: list[float] = []
    rows: list[SceneRow] = []
    closed = successes = 0
    with Server(catalogue, ports=Ports(0, 0, 0)) as server, Client(server.grpc_url) as client:
        before = request_successes(server.metrics_url, "identify")
        started("photos of one item", len(photos))
        begin = time.perf_counter()
        for outcome in run_queries(map(_query, photos), client.identify):
            outcomes.append(outcome)
            seconds.append(time.perf_counter() - begin)
            advanced()
            begin = time.perf_counter()
        if scenes:
            started("collages of photos", scenes)
            named = [(path, item.name) for path, item in grocery.photos()]
            made, closed = _scenes("collages", collages(named, scenes, _COLLAGE_SEED), client, advanced)
            rows += made
        successes += request_successes(server.metrics_url, "identify") - before
    if scenes:
        table = write_shop(work / "shop", SHOP_PRODUCTS, SHOP_SEED)
        add_to_catalogue(work / "shop-catalogue", table, publish=True)
        products = make_products(SHOP_PRODUCTS, SHOP_SEED)
        with Server(work / "shop-catalogue", ports=Ports(0, 0, 0)) as server, Client(server.grpc_url) as client:
            before = request_successes(server.metrics_url, "identify")
            started("scenes of a drawn shop", scenes)
            made, also = _scenes("drawn scenes", drawn_scenes(products, scenes, SHOP_SEED), client, advanced)
            rows, closed = rows + made, closed + also
            successes += request_successes(server.metrics_url, "identify") - before
    return Report(
        rows=tuple(tabulate(outcomes)),
        scenes=tuple(rows),
        calls=len(outcomes),
        scene_calls=2 * scenes,
        successes=successes,
        gated=sum(outcome.gated for outcome in outcomes) + closed,
        answered=sum(outcome.answered for outcome in outcomes),
        regions=sum(outcome.regions for outcome in outcomes) / len(outcomes),
        median_ms=1000 * sorted(seconds)[len(seconds) // 2],
    )


def _scenes(
    group: str, scenes: Iterable[ProductScene], client: Client, advanced: Advanced
) -> tuple[list[SceneRow], int]:
    """Return the rows of one group of scenes, and how many closed the gate."""
    outcomes, gated = [], 0
    for scene in scenes:
        found = client.identify(scene.image)
        gated += found.gated
        outcomes.append(match_scene(found, scene))
        advanced()
    return tabulate_scenes(group, outcomes), gated


def _query(photo: tuple[Path, GroceryClass]) -> Query:
    path, item = photo
    return Query(path.read_bytes(), item.name, item.group)
