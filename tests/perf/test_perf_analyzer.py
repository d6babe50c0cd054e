"""The perf_analyzer command: what it reads, what it finds, what it refuses."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

PERF = Path(__file__).resolve().parents[2] / "perf"

PRINTED = """
 Successfully read data for 1 stream/streams with 4 step/steps.
Request concurrency: 2
  Client: 
    Request count: 20
    Throughput: 9.97679 infer/sec
    Avg latency: 191952 usec (standard deviation 62161 usec)
    p50 latency: 191177 usec
    p90 latency: 277628 usec
    p95 latency: 278072 usec
    p99 latency: 315993 usec
    Avg gRPC time: 191890 usec ((un)marshal request/response 42 usec + response wait 191848 usec)
  Server: 
    Inference count: 20
    Execution count: 20
    Successful request count: 20
    Avg request latency: 191315 usec (overhead 0 usec + queue 4520 usec + compute 209682 usec)

  Composing models: 
  embedder, version: 1
      Inference count: 64
      Execution count: 15
      Successful request count: 20
      Avg request latency: 30190 usec (overhead 5 usec + queue 192 usec + compute input 75 usec + compute infer 29410 usec + compute output 507 usec)

  decode, version: 1
      Inference count: 20
      Execution count: 20
      Successful request count: 20
      Avg request latency: 33292 usec (overhead 3 usec + queue 105 usec + compute input 60 usec + compute infer 30559 usec + compute output 2563 usec)

Inferences/Second vs. Client Average Batch Latency
Concurrency: 2, throughput: 9.97679 infer/sec, latency 191952 usec
"""  # noqa: W291, E501 - as perf_analyzer prints it


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(PERF))
    return {
        name: importlib.import_module(name) for name in ("perf_analyzer", "perf_analyzer_report", "perf_analyzer_tool")
    }


def fake_binary(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "perf_analyzer"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_printed_figures_are_read(modules: dict[str, ModuleType]) -> None:
    load = modules["perf_analyzer_report"].read_load(PRINTED)
    assert load.concurrency == 2
    assert load.rate == pytest.approx(9.97679)
    assert load.percentiles == {50: 191.177, 90: 277.628, 95: 278.072, 99: 315.993}
    assert [part.name for part in load.models] == ["", "decode", "embedder"]
    assert load.models[0].queue == 4.52
    embedder = load.models[2]
    assert (embedder.inferences, embedder.executions) == (64, 15)
    assert embedder.compute == pytest.approx(0.075 + 29.41 + 0.507)


def test_what_measured_nothing_is_nothing(modules: dict[str, ModuleType]) -> None:
    assert modules["perf_analyzer_report"].read_load("failed to connect") is None


def test_one_on_the_path_is_used(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake_binary(tmp_path, "echo Perf Analyzer Version 9.9.9")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = modules["perf_analyzer_tool"].find_perf_analyzer()
    assert found.binary == path
    assert found.version() == "9.9.9"


def test_elsewhere_it_says_what_to_install(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = modules["perf_analyzer_tool"]
    monkeypatch.setattr(tool, "TOOLS", tmp_path / "tools")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tool.platform, "machine", lambda: "aarch64")
    with pytest.raises(Unavailable, match="install perf_analyzer yourself"):
        tool.find_perf_analyzer()


def test_a_run_is_bounded_and_its_errors_are_told(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    program, tool = modules["perf_analyzer"], modules["perf_analyzer_tool"]
    good = tool.PerfAnalyzer(fake_binary(tmp_path / "a", f"cat <<'END'\n{PRINTED}\nEND"))
    bad = tool.PerfAnalyzer(fake_binary(tmp_path / "b", "echo error: no such model; echo usage; exit 99"))
    slow = tool.PerfAnalyzer(fake_binary(tmp_path / "c", "exec sleep 20"))
    arguments = ("identify", "localhost:1", tmp_path / "data.json", 2, 20)
    assert program._run(good, *arguments, 10.0).concurrency == 2
    with pytest.raises(WhatsitError, match="no such model"):
        program._run(bad, *arguments, 10.0)
    with pytest.raises(Unavailable, match="fewer --requests"):
        program._run(slow, *arguments, 0.3)


def test_pictures_are_spread_over_the_folder(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    program = modules["perf_analyzer"]
    for number in range(200):
        (tmp_path / f"{number:03}.jpg").write_bytes(b"x%d" % number)
    pictures = program._pictures(tmp_path)
    assert len(pictures) == program.MOST_PICTURES
    assert pictures[0].name == "000.jpg"
    assert int(pictures[-1].stem) > 190
    program._write_input(pictures[:2], tmp_path / "data.json")
    rows = json.loads((tmp_path / "data.json").read_text())["data"]
    assert rows[0] == {"IMAGE": {"content": {"b64": "eDA="}, "shape": [2]}}
    with pytest.raises(InvalidInput, match="no pictures"):
        program._pictures(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", "0", "a", "1,-2", "1;2"])
def test_concurrencies_that_are_none(modules: dict[str, ModuleType], text: str) -> None:
    with pytest.raises(InvalidInput):
        modules["perf_analyzer"]._numbers(text)
