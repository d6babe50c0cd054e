"""`whatsit top`: figures between two looks, what the screen says, and that the terminal is left in order."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import ssl
import subprocess
import sys
import termios
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.cli.app import app
from whatsit.cli.top import metrics_address
from whatsit.cli.top_view import age, sparkline, view
from whatsit.serving.metrics.overview import Overview
from whatsit.serving.metrics.scrape import MetricsPage


def page(at: float, **counts: float) -> MetricsPage:
    """A server's page after so many requests."""
    done, refused = counts.get("done", 0), counts.get("refused", 0)
    found, absent, gated = counts.get("found", 0), counts.get("absent", 0), counts.get("gated", 0)
    text = f"""
nv_inference_request_success{{model="identify",version="1"}} {done}
nv_inference_request_success{{model="embedder",version="1"}} {done}
nv_inference_request_success{{model="decode",version="1"}} {done + refused}
nv_inference_request_failure{{model="identify",reason="OTHER",version="1"}} {2 * refused}
nv_inference_request_failure{{model="decode",reason="REJECTED",version="1"}} {counts.get("away", 0)}
nv_inference_count{{model="embedder",version="1"}} {4 * done}
nv_inference_exec_count{{model="embedder",version="1"}} {2 * done}
nv_inference_queue_duration_us{{model="embedder",version="1"}} {1500 * done}
nv_inference_compute_input_duration_us{{model="embedder",version="1"}} {500 * done}
nv_inference_compute_infer_duration_us{{model="embedder",version="1"}} {20000 * done}
nv_inference_compute_output_duration_us{{model="embedder",version="1"}} {500 * done}
nv_inference_request_summary_us{{model="identify",version="1",quantile="0.5"}} 41000
nv_inference_request_summary_us{{model="identify",version="1",quantile="0.99"}} 97500
nv_inference_request_summary_us{{model="embedder",version="1",quantile="0.99"}} Nan
nv_inference_pending_request_count{{model="decode",version="1"}} 3
nv_cpu_utilization 0.5
nv_cpu_memory_used_bytes 1073741824
nv_cpu_memory_total_bytes 4294967296
whatsit_identified_total{{outcome="found"}} {found}
whatsit_identified_total{{outcome="absent"}} {absent}
whatsit_identified_total{{outcome="gated"}} {gated}
whatsit_refused_total{{model="decode",reason="format"}} {refused}
whatsit_stage_seconds_sum{{stage="search"}} {0.002 * done}
whatsit_stage_seconds_count{{stage="search"}} {done}
whatsit_catalogue_items 1200
whatsit_index_generation{{process="retrieval_0_0"}} {counts.get("generation", 7)}
whatsit_index_generation{{process="retrieval_0_1"}} 7
whatsit_index_created_timestamp_seconds{{process="retrieval_0_0"}} {time.time() - 3600}
whatsit_index_created_timestamp_seconds{{process="retrieval_0_1"}} {time.time() - 60}
whatsit_index_delta_vectors{{process="retrieval_0_0"}} 10
whatsit_index_delta_vectors{{process="retrieval_0_1"}} 12
"""
    return MetricsPage(at, MetricsPage.parse(text).series)


def test_figures_are_those_of_the_time_between() -> None:
    before = page(100.0, done=50, found=30, absent=10, gated=10)
    after = page(104.0, done=90, refused=8, away=2, found=54, absent=18, gated=18)
    seen = Overview.between(before, after)
    identify, decode, embedder = (
        next(one for one in seen.models if one.name == name) for name in ("identify", "decode", "embedder")
    )
    assert identify.rate == pytest.approx(40 / 4)
    assert (identify.p50, identify.p99, identify.failures) == (41.0, 97.5, None)
    assert (embedder.queue, embedder.compute, embedder.batch, embedder.p99) == (1.5, 21.0, 2.0, None)
    assert decode.failures == pytest.approx((8 + 2) / 4)
    assert decode.pending == 3
    assert seen.refused == {"format": pytest.approx(2.0)}
    assert (seen.failed, seen.turned_away) == (0, pytest.approx(0.5))
    assert seen.identified == pytest.approx(40 / 4)
    assert seen.gate_rate == pytest.approx(8 / 40)
    assert seen.absent_rate == pytest.approx(8 / 32)
    assert seen.stages == {"search": pytest.approx(2.0)}
    assert seen.regions is None, "nothing was counted"
    assert [one.name for one in seen.models] == ["identify", "decode", "embedder"]


def test_of_several_processes_the_one_that_is_behind_shows() -> None:
    seen = Overview.between(page(0.0, generation=6), page(1.0, generation=6)).index
    assert seen is not None
    assert (seen.generation, seen.agree, seen.delta) == (6, False, 12)
    assert seen.age == pytest.approx(3600, abs=5)


def test_a_server_started_anew_counts_from_its_start() -> None:
    seen = Overview.between(page(0.0, done=1000), page(2.0, done=10))
    assert seen.models[0].rate == pytest.approx(5.0)


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off(width: int) -> None:
    seen = Overview.between(page(0.0), page(1.0, done=20, refused=3, found=15, absent=5))
    console = Console(width=width, record=True, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115  # rich holds it
    console.print(view(seen, "http://localhost:8002/metrics", (1.0, 2.0), width, "No server answers."))
    text = console.export_text()
    for word in (
        "answered",
        "turned away",
        "all answered",
        "not in catalogue",
        "25 %",
        "1,200",
        "embedder",
        "97.5",
        "No server answers.",
    ):
        assert word in text
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())


def test_bars_and_ages() -> None:
    assert sparkline([0, 4, 8], 10) == " ▄█"
    assert sparkline([1, 2, 3, 4], 2) == "▆█"
    assert sparkline([0, 0], 5) == ""
    assert [age(seconds) for seconds in (3, 61, 7300, 200_000)] == ["3 s old", "1 min old", "2 h old", "2 d old"]


def test_addresses() -> None:
    for text in ("localhost:8002", "http://localhost:8002", "http://localhost:8002/", "http://localhost:8002/metrics"):
        assert metrics_address(text) == "http://localhost:8002/metrics"
    for text in ("localhost", "ftp://a:1", "", "a:port"):
        with pytest.raises(InvalidInput):
            metrics_address(text)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A metrics endpoint whose server answers ten more requests at every look."""
    answered = [0]

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answered[0] += 10
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f'nv_inference_request_success{{model="identify"}} {answered[0]}\n'.encode())

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{http.server_port}"
    http.shutdown()


def test_once_as_json(endpoint: str) -> None:
    run = CliRunner().invoke(app, ["top", "--url", endpoint, "--once", "--json", "--every", "0.2"])
    assert run.exit_code == 0
    record = json.loads(run.output)
    assert record["models"]["identify"]["rate"] * record["seconds"] == pytest.approx(10)
    assert record["index"] is None


def test_no_server() -> None:
    run = CliRunner().invoke(app, ["top", "--url", "127.0.0.1:9", "--once", "--every", "0.2"])
    assert isinstance(run.exception, Unavailable)


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [("wk_a_b", 200, ""), ("wk_c_d", 403, "WHATSIT_KEY to a key of the role admin"), ("", 401, "needs a valid key")],
)
def test_the_key_is_sent(monkeypatch: pytest.MonkeyPatch, key: str, code: int, words: str) -> None:
    codes = {"Bearer wk_a_b": 200, "Bearer wk_c_d": 403}

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(codes.get(self.headers["authorization"] or "", 401))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    monkeypatch.setenv("WHATSIT_KEY", key)
    run = CliRunner().invoke(app, ["top", "--url", f"127.0.0.1:{http.server_port}", "--once", "--every", "0.2"])
    http.shutdown()
    http.server_close()
    if code == 200:
        assert run.exit_code == 0
    else:
        assert isinstance(run.exception, InvalidInput)
        assert words in str(run.exception)
        assert f"({code})" in str(run.exception)


def test_a_certificate_that_is_not_trusted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "self-signed certificate"

    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError(error)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    run = CliRunner().invoke(app, ["top", "--url", "https://127.0.0.1:9", "--once", "--every", "0.2"])
    assert isinstance(run.exception, Unavailable)
    assert "is not trusted (self-signed certificate): " in str(run.exception)


@pytest.mark.parametrize("end", ["q", "interrupt"])
def test_the_terminal_is_left_as_it_was(endpoint: str, end: str) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    command = [sys.executable, "-m", "whatsit.cli", "top", "--url", endpoint, "--every", "0.2"]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm-256color"}
    )
    shown = b""
    limit = time.monotonic() + 120
    while b"Requests" not in shown and time.monotonic() < limit:
        if select.select([master], [], [], 0.2)[0]:
            shown += os.read(master, 65536)
    if end == "q":
        os.write(master, b"q")
    else:
        process.send_signal(signal.SIGTERM)
    while process.poll() is None and time.monotonic() < limit:
        if select.select([master], [], [], 0.1)[0]:
            shown += os.read(master, 65536)
    assert process.wait(60) == (0 if end == "q" else 130)
    while select.select([master], [], [], 0.2)[0]:
        shown += os.read(master, 65536)
    assert shown.rfind(b"\x1b[?1049l") > shown.rfind(b"\x1b[?1049h") >= 0, "the alternate screen was left"
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l"), "the cursor shows"
    assert termios.tcgetattr(slave)[3] == before[3]
    os.close(master)
    os.close(slave)
