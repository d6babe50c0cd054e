"""The perf_analyzer command: what it reads, what it finds, what it refuses."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from perf.common.command import positive_numbers
from perf.common.server_fixture import MOST_PICTURES, picture_files
from perf.identify import perf_analyzer_run, perf_analyzer_tool
from perf.identify.perf_analyzer import Profile, read_profiles
from perf.identify.perf_analyzer_input import Inputs
from perf.identify.perf_analyzer_run import model_times, read_load
from whatsit.server.launcher import Server
from whatsit.tuning.model_costs import Counters

ROOT = Path(__file__).resolve().parents[2]

REPORT = """Concurrency,Inferences/Second,Server Queue,p50 latency,p90 latency,p95 latency,p99 latency,Avg latency
2,9.97679,4520,191177,277628,278072,315993,191952
"""
AT_RANDOM = REPORT.replace("Concurrency", "Request Rate").replace("\n2,", "\n4.5,")


def fake_binary(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "perf_analyzer"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_reported_figures_are_read(tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    report.write_text(REPORT)
    load = read_load(report, 1, ())
    assert load.offered == "2 in flight"
    assert load.rate == pytest.approx(2 / 0.191952), "exact, where the reported one is counted in whole seconds"
    assert load.ms == {50: 191.177, 90: 277.628, 95: 278.072, 99: 315.993}
    assert read_load(report, 4, ()).rate == pytest.approx(8 / 0.191952)
    report.write_text(AT_RANDOM)
    load = read_load(report, 1, (), 15.0)
    assert (load.offered, load.delayed) == ("4.5/s at random", 15.0)
    assert load.rate == pytest.approx(9.97679)


def test_each_models_times_are_the_difference_of_two_readings() -> None:
    """20 calls of the ensemble were 64 crops in 15 executions of the embedder; another model did nothing."""
    before = {"embedder": Counters(5, 10, 4, 1_000_000, 5_000_000), "catalogue": Counters(3, 3, 3, 0, 0)}
    after = {
        "catalogue": Counters(3, 3, 3, 0, 0),
        "embedder": Counters(25, 74, 19, 4_840_000, 604_820_000),
        "decode": Counters(20, 20, 20, 2_100_000, 663_640_000),
        "identify": Counters(20, 20, 20, 90_400_000, 4_193_640_000),
    }
    whole, decode, embedder = model_times("identify", before, after)
    assert (whole.name, whole.queue_ms) == ("identify", pytest.approx(4.52))
    assert decode.name == "decode"
    assert (embedder.name, embedder.inferences, embedder.executions) == ("embedder", 64, 15)
    assert embedder.queue_ms == pytest.approx(0.192)
    assert embedder.compute_ms == pytest.approx(29.991)


def test_one_on_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_binary(tmp_path, "echo Perf Analyzer Version 9.9.9")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = perf_analyzer_tool.find_perf_analyzer()
    assert found.binary == path
    assert found.version() == "9.9.9"


def test_elsewhere_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = perf_analyzer_tool
    monkeypatch.setattr(tool, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(tool, "OLD_TOOLS", tmp_path / "old")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tool.platform, "machine", lambda: "aarch64")
    with pytest.raises(Unavailable, match="install perf_analyzer yourself"):
        tool.find_perf_analyzer()


def test_a_run_is_bounded_and_its_errors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf_analyzer_run, "read_counters", lambda address: {})
    run, tool = perf_analyzer_run.Run, perf_analyzer_tool
    script = f"echo $@ > {tmp_path}/said; for last; do :; done; cat > $last <<'END'\n{REPORT}\nEND"
    good = tool.PerfAnalyzer(fake_binary(tmp_path / "a", script))
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


def test_pictures_are_spread_over_the_folder(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}.jpg").write_bytes(b"x%d" % number)
    pictures = picture_files(tmp_path)
    assert len(pictures) == MOST_PICTURES
    assert pictures[0].name == "000.jpg"
    assert int(pictures[-1].stem) > 190
    rows = json.loads(Inputs("localhost:1", pictures[:2], tmp_path).of("identify").read_text())["data"]
    assert rows[0] == {"IMAGE": {"content": {"b64": "eDA="}, "shape": [2]}}
    with pytest.raises(InvalidInput, match="no pictures"):
        picture_files(tmp_path / "nothing")


@pytest.mark.triton
def test_every_model_gets_what_the_ensemble_hands_it(server: Server, shop: Path, tmp_path: Path) -> None:
    scenes = sorted((shop / "scenes").glob("*.jpg"))[:2]
    inputs = Inputs(server.grpc_url, scenes, tmp_path)
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


def test_every_model_and_ensemble_has_a_profile() -> None:
    profiles = read_profiles("all")
    folders = [*(ROOT / "model_repository").iterdir(), *(ROOT / "ensembles").iterdir()]
    assert {one.model for one in profiles} == {path.name for path in folders if (path / "config.pbtxt").is_file()}
    assert any(one.poisson for one in profiles)
    assert any(one.shared_memory for one in profiles)
    assert all(one.about.endswith(".") for one in profiles)


def test_profiles_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no profile x;"):
        read_profiles("identify,x")
    for text in (
        "about: A.\nmodel: identify\n",
        "concurrency: [0]\nabout: A.\nmodel: m\n",
        "colour: red\n",
        "- 1\n",
        "a: [\n",
    ):
        (tmp_path / "one.yaml").write_text(text)
        with pytest.raises(InvalidInput):
            Profile.read(tmp_path / "one.yaml")


@pytest.mark.parametrize("text", ["", "0", "a", "1,-2", "1;2"])
def test_concurrencies_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        positive_numbers(text)
