"""Fixtures that every room shares."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from whatsit.server.launcher import Server

pytest_plugins = [
    "tests.distribution",
    "tests.triton_calls",
    "tests.training_data",
    "tests.evaluation_data",
    "tests.expected_skips",
]

# No test asserts a time: examples may take as long as a busy machine makes them.
hypothesis.settings.register_profile("whatsit", deadline=None)
hypothesis.settings.load_profile("whatsit")

# A shell without job control starts what it puts into the background with Ctrl-C ignored, and every process that a test
# starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(folder: str) -> Path:
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"../shared/{folder} is not here: photos and starting weights are not part of the project")
    return path


# Files whose tests take many seconds together; single slow tests are marked where they stand.
SLOW_FILES = frozenset(
    {
        "cli/test_evaluate.py",
        "cli/test_scan.py",
        "client/scan/test_fixtures.py",
        "cli/test_train.py",
        "catalogue/backup/test_verify.py",
        "catalogue/test_any_filter.py",
        "catalogue/test_migrate.py",
        "catalogue/test_stores.py",
        "engines/test_import_onnx.py",
        "index/test_autotune.py",
        "index/test_generation_writer.py",
        "index/test_index_kind.py",
        "perf/test_backup_under_changes.py",
        "perf/test_pictures.py",
        "search/test_trained_ranker.py",
        "serving/test_catalogue.py",
        "serving/test_geometry.py",
        "studies/test_geometry_study.py",
        "studies/test_grocery_catalogues.py",
        "studies/test_ranking_ablation.py",
        "test_documentation.py",
        "training/common/test_loop.py",
        "training/test_custom_training.py",
        "web/test_camera.py",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder) and item.path.relative_to(folder).as_posix() in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the checkout; the test skips where it is absent."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The folder of starting weights beside the checkout; the test skips where it is absent."""
    return _shared("weights")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered shop of 40 products with `products.csv`, and four scenes with `truth.json` in `scenes/`."""
    from whatsit.rendering.product import make_products
    from whatsit.rendering.shop import write_scenes, write_shop

    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder, count=40, seed=7)
    write_scenes(folder / "scenes", make_products(40, 7), count=4, seed=7)
    return folder


@pytest.fixture(scope="session")
def catalogue(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as a published catalogue, with geometry."""
    from whatsit.catalogue.ingest.add import add_to_catalogue

    folder = tmp_path_factory.mktemp("catalogue")
    add_to_catalogue(folder, shop / "products.csv", geometry=True, publish=True)
    return folder


class Collector:
    """Takes OTLP over HTTP as an OpenTelemetry collector does, and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.services: set[str] = set()
        collector = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1/traces"

    def take(self, body: dict[str, Any]) -> None:
        for resource in body["resourceSpans"]:
            facts = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
            self.services.add(facts["service.name"]["stringValue"])
            for scope in resource["scopeSpans"]:
                self.spans += scope["spans"]


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the session's server sends its traces: none, before a test turns the rate up."""
    one = Collector()
    yield one
    one.http.shutdown()


@pytest.fixture(scope="session")
def server(catalogue: Path, collector: Collector) -> Iterator[Server]:
    """One real Triton for the whole session, on free ports of the loopback address."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from whatsit.server.launcher import Server
    from whatsit.server.ports import Ports
    from whatsit.server.tracing import Tracing

    traced = Tracing(collector.url, rate=1_000_000).arguments()
    with Server(catalogue, ports=Ports(0, 0, 0), arguments=traced) as running:
        yield running
