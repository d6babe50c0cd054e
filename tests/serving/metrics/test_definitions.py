"""What is counted reaches Triton's metrics page, adds up over processes, and never gets in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from whatsit_client import Client, InvalidInput
from whatsit_client.types import Answer

from whatsit.server.launcher import Server
from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.metrics.instruments import Histogram, close_buffer, open_buffer
from whatsit.serving.metrics.publisher import Publisher
from whatsit.serving.metrics.scrape import MetricsPage

PERIOD_S = 0.01


class Page:
    """Stands in for `triton_python_backend_utils`: one page for all processes, as Triton keeps it."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.said: list[str] = []
        page = self

        class Metric:
            def __init__(self, name: str, labels: dict[str, str]) -> None:
                inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
                self.key = f"{name}{{{inside}}}" if inside else name
                page.values.setdefault(self.key, 0.0)

            def increment(self, amount: float) -> None:
                page.values[self.key] += amount

            def set(self, value: float) -> None:
                page.values[self.key] = value

        class MetricFamily:
            COUNTER, GAUGE = "counter", "gauge"

            def __init__(self, name: str, description: str, kind: str) -> None:
                assert description
                assert kind in ("counter", "gauge")
                self.name = name

            def Metric(self, labels: dict[str, str]) -> Metric:
                return Metric(self.name, labels)

        self.MetricFamily = MetricFamily
        self.Logger = SimpleNamespace(log_error=self.said.append, log_warn=self.said.append, log_info=self.said.append)


@pytest.fixture
def page() -> Iterator[Page]:
    yield Page()
    metrics.stop()
    close_buffer()


def test_buckets_hold_what_is_at_most_their_bound(page: Page) -> None:
    histogram = Histogram("seconds", "x", (1.0, 2.0, 5.0), (("stage", ("a", "b")),))
    buffer = open_buffer()
    publisher = Publisher(page, "m_0", [histogram], buffer, PERIOD_S)
    values = [0.5, 1.0, 1.5, 7.0]
    for value in values:
        histogram.observe(value, "a")
    publisher.stop()
    for edge in (1.0, 2.0, 5.0, float("inf")):
        name = f'seconds_bucket{{stage="a",le="{"+Inf" if edge > 9 else f"{edge:g}"}"}}'
        assert page.values[name] == sum(value <= edge for value in values)
    assert page.values['seconds_sum{stage="a"}'] == pytest.approx(sum(values))
    assert page.values['seconds_count{stage="a"}'] == len(values)
    assert page.values['seconds_count{stage="b"}'] == 0, "stands there from the start"


def test_processes_of_a_model_add_up_and_their_gauges_stand_apart(page: Page) -> None:
    for process, delta in (("retrieval_0_0", 3.0), ("retrieval_0_1", 5.0)):
        metrics.start(page, "retrieval", process)
        metrics.watch(lambda delta=delta: {metrics.DELTA: delta})  # type: ignore[misc]  # mypy: lambda with a default
        metrics.retrieved([[1, 2]], Answer(found=True, title="x", confidence=0.7, ids=("1",), region=0), gated=False)
        metrics.retrieved([[], []], Answer(found=False), gated=False)
        metrics.retrieved([[1]], Answer(found=False, state="unsure", probability=0.4), gated=False)
        metrics.retrieved([[]], Answer(found=False), gated=True)
        metrics.stop()
    for outcome in metrics.OUTCOMES:
        assert page.values[f'whatsit_identified_total{{outcome="{outcome}"}}'] == 2
    assert page.values["whatsit_matches_per_region_count"] == 8, "a gated picture was not looked up"
    assert page.values['whatsit_matches_per_region_bucket{le="0"}'] == 4
    assert page.values['whatsit_index_delta_vectors{process="retrieval_0_0"}'] == 3
    assert page.values['whatsit_index_delta_vectors{process="retrieval_0_1"}'] == 5


def test_outside_triton_nothing_is_kept(page: Page) -> None:
    with metrics.STAGE_SECONDS.timed("search"):
        metrics.changed("delete", {"deleted": 3})
    metrics.start(page, "catalogue", "catalogue_0_0")
    metrics.changed("delete", {"deleted": 2})
    metrics.changed("get", {})
    metrics.stop()
    assert page.values['whatsit_catalogue_changes_total{outcome="deleted"}'] == 2
    assert page.values['whatsit_stage_seconds_count{stage="search"}'] == 0


def test_a_server_without_metrics_serves(page: Page) -> None:
    class MetricFamily:
        COUNTER = "counter"

        def __init__(self, **_: Any) -> None:
            raise RuntimeError("metrics are not allowed")

    metrics.start(SimpleNamespace(MetricFamily=MetricFamily, Logger=page.Logger), "decode", "decode_0_0")
    metrics.REFUSED.add("decode", "input")
    assert "metrics are not allowed" in page.said[0]


def test_a_gauge_that_cannot_be_read_stops_no_counter(page: Page) -> None:
    def broken() -> dict[Any, float]:
        raise OSError("gone")

    metrics.start(page, "retrieval", "retrieval_0_0")
    metrics.watch(broken)
    metrics.REFUSED.add("retrieval", "option")
    metrics.stop()
    assert page.values['whatsit_refused_total{model="retrieval",reason="option"}'] == 1
    assert "gone" in page.said[0]


@pytest.mark.triton
def test_a_server_shows_what_it_did(server: Server, shop: Path) -> None:
    scenes = sorted((shop / "scenes").glob("*.jpg"))
    before = settled_page(server)
    with Client(server.grpc_url) as client:
        replies = [client.identify(scene, top_k=4) for scene in scenes]
        for bad in (b"no picture", scenes[0].read_bytes()[:3000]):
            with pytest.raises(InvalidInput):
                client.identify(bad)
        with pytest.raises(InvalidInput):
            client.identify(scenes[0], rerank="no such stage")
    after = wait_for(
        server, lambda page: page.total("whatsit_refused_total"), before.total("whatsit_refused_total") + 3
    )

    def grown(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    assert grown("whatsit_identified_total") == len(scenes)
    assert grown("whatsit_identified_total", outcome="found") == sum(reply.answer.found for reply in replies)
    assert grown("whatsit_regions_per_image_sum") == sum(len(reply.regions) for reply in replies)
    for stage in ("decode", "regions", "retrieval", "search", "rerank"):
        refused = 3 if stage == "decode" else 0
        assert grown("whatsit_stage_seconds_count", stage=stage) == len(scenes) + refused
    assert grown("whatsit_stage_seconds_sum", stage="search") < grown("whatsit_stage_seconds_sum", stage="retrieval")
    for reason in ("damaged", "format", "option"):
        assert grown("whatsit_refused_total", model="decode", reason=reason) == 1
    assert grown("whatsit_failed_total") == 0
    for gauge in (metrics.GENERATION, metrics.CREATED, metrics.INDEX_ITEMS, metrics.ITEMS):
        processes = {one.labels["process"]: one.value for one in after.of(gauge.name)}
        assert processes
        assert all(value > 0 for value in processes.values()), gauge


def settled_page(server: Server) -> MetricsPage:
    """Return the page once calls that earlier tests left to themselves are on it."""
    names = ("whatsit_identified_total", "whatsit_refused_total", "whatsit_stage_seconds_count")
    end, page = time.monotonic() + 120, MetricsPage.read(server.metrics_url)
    while time.monotonic() < end:
        time.sleep(1.2)  # processes publish once a second
        last, page = page, MetricsPage.read(server.metrics_url)
        if all(last.total(name) == page.total(name) for name in names):
            break
    return page


def wait_for(server: Server, value: Callable[[MetricsPage], float], expected: float) -> MetricsPage:
    """The page as soon as it shows this; processes publish once a second."""
    end = time.monotonic() + 120
    while value(MetricsPage.read(server.metrics_url)) < expected and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1.2)
    return MetricsPage.read(server.metrics_url)
