"""The perf_analyzer command: what it reads, what it finds, what it refuses."""

from __future__ import annotations

import base64
import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from whatsit.server.launcher import Server

ROOT = Path(__file__).resolve().parents[2]

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
def modules() -> dict[str, ModuleType]:
    return {
        name: importlib.import_module(f"perf.identify.{name}")
        for name in (
            "perf_analyzer",
            "perf_analyzer_input",
            "perf_analyzer_profile",
            "perf_analyzer_report",
            "perf_analyzer_run",
            "perf_analyzer_tool",
        )
    }


def fake_binary(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "perf_analyzer"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_printed_figures_are_read(modules: dict[str, ModuleType]) -> None:
    load = modules["perf_analyzer_report"].read_load(PRINTED)
    assert load.offered == "2 in flight"
    assert load.rate == pytest.approx(2 / 0.191952), "exact, where the printed one is counted in whole seconds"
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


AT_RANDOM = PRINTED.replace("Request concurrency: 2", "Request Rate: 4.5 inference requests per seconds").replace(
    "    Throughput", "    [WARNING] It could not keep up. 15.00% of the requests were delayed.\n    Throughput"
)


def test_arrivals_at_random_are_read(modules: dict[str, ModuleType]) -> None:
    load = modules["perf_analyzer_report"].read_load(AT_RANDOM)
    assert (load.offered, load.delayed) == ("4.5/s at random", 15.0)
    assert load.rate == pytest.approx(9.97679)


def test_a_run_is_bounded_and_its_errors_are_told(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    run, tool = modules["perf_analyzer_run"].Run, modules["perf_analyzer_tool"]
    good = tool.PerfAnalyzer(fake_binary(tmp_path / "a", f"echo $@ > {tmp_path}/said; cat <<'END'\n{PRINTED}\nEND"))
    bad = tool.PerfAnalyzer(fake_binary(tmp_path / "b", "echo error: no such model; echo usage; exit 99"))
    slow = tool.PerfAnalyzer(fake_binary(tmp_path / "c", "exec sleep 20"))
    arguments = ("identify", "localhost:1", tmp_path / "data.json")
    assert run(good, *arguments).callers(2, 20).offered == "2 in flight"
    run(good, *arguments, batch=4).arrivals(2.5, 20)
    said = (tmp_path / "said").read_text()
    for option in ("-m identify", "--request-rate-range 2.50", "--request-distribution poisson", "-b 4"):
        assert option in said
    with pytest.raises(WhatsitError, match="no such model"):
        run(bad, *arguments).callers(2, 20)
    with pytest.raises(Unavailable, match="fewer --requests"):
        run(slow, *arguments, limit=0.3).callers(2, 20)


def test_pictures_are_spread_over_the_folder(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    program = modules["perf_analyzer_input"]
    for number in range(200):
        (tmp_path / f"{number:03}.jpg").write_bytes(b"x%d" % number)
    pictures = program.pictures_of(tmp_path)
    assert len(pictures) == program.MOST_PICTURES
    assert pictures[0].name == "000.jpg"
    assert int(pictures[-1].stem) > 190
    rows = json.loads(program.Inputs("localhost:1", pictures[:2], tmp_path).of("identify").read_text())["data"]
    assert rows[0] == {"IMAGE": {"content": {"b64": "eDA="}, "shape": [2]}}
    with pytest.raises(InvalidInput, match="no pictures"):
        program.pictures_of(tmp_path / "nothing")


@pytest.mark.triton
def test_every_model_gets_what_the_ensemble_hands_it(
    server: Server, shop: Path, modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    scenes = sorted((shop / "scenes").glob("*.jpg"))[:2]
    inputs = modules["perf_analyzer_input"].Inputs(server.grpc_url, scenes, tmp_path)
    rows = {model: json.loads(inputs.of(model).read_text())["data"] for model in ("detector", "embedder", "retrieval")}
    assert [row["images"]["shape"] for row in rows["detector"]] == [[3, 416, 416]] * 2, "a row an item of the batch"
    assert all(row["images"]["shape"] == [3, 224, 224] for row in rows["embedder"])
    vectors = [
        np.frombuffer(base64.b64decode(row["EMBEDDINGS"]["content"]["b64"]), np.float32) for row in rows["retrieval"]
    ]
    assert sum(len(one) for one in vectors) == 128 * len(rows["embedder"])
    lengths = np.linalg.norm(np.concatenate(vectors).reshape(-1, 128), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-3)
    with pytest.raises(InvalidInput, match="no step"):
        inputs.of("nothing")


def test_every_model_and_ensemble_has_a_profile(modules: dict[str, ModuleType]) -> None:
    profiles = modules["perf_analyzer_profile"].read_profiles("all")
    folders = [*(ROOT / "model_repository").iterdir(), *(ROOT / "ensembles").iterdir()]
    assert {one.model for one in profiles} == {path.name for path in folders if (path / "config.pbtxt").is_file()}
    assert any(one.poisson for one in profiles)
    assert any(one.shared_memory for one in profiles)
    assert all(one.about.endswith(".") for one in profiles)


def test_profiles_that_are_none(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    program = modules["perf_analyzer_profile"]
    with pytest.raises(InvalidInput, match="no profile 'x'"):
        program.read_profiles("identify,x")
    for text in (
        "about: A.\nmodel: identify\n",
        "concurrency: [0]\nabout: A.\nmodel: m\n",
        "colour: red\n",
        "- 1\n",
        "a: [\n",
    ):
        (tmp_path / "one.yaml").write_text(text)
        with pytest.raises(InvalidInput):
            program.Profile.read(tmp_path / "one.yaml")


@pytest.mark.parametrize("text", ["", "0", "a", "1,-2", "1;2"])
def test_concurrencies_that_are_none(modules: dict[str, ModuleType], text: str) -> None:
    with pytest.raises(InvalidInput):
        modules["perf_analyzer"].numbers(text)
