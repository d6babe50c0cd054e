"""One step for five: the same answers, refusals and contract as the ensembles of single steps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client import Client
from whatsit_client.errors import Unavailable

from tests.triton_calls import ask_grpc, ask_http, check_who_waits_too_long
from whatsit.cli.app import app
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.serving.admission import SharedCounter
from whatsit.serving.metrics.scrape import MetricsPage

OPTIONS = (
    {},
    {"gate": "off"},
    {"boxes": "[[10, 10, 90, 90], [5, 20, 60, 80]]"},
    {"rerank": "rank,geometry", "top_k": 3},
    {"top_k": 0},
    {"boxes": "[[10, 10, 9, 9]]"},
)


@pytest.fixture(scope="module")
def fused(catalogue: Path) -> Iterator[Server]:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    with Server(catalogue, ports=Ports(0, 0, 0), fused=True) as running:
        yield running


@pytest.mark.triton
@pytest.mark.parametrize("model", ["identify", "embed", "detect"])
def test_every_bit_is_that_of_the_single_steps(server: Server, fused: Server, shop: Path, model: str) -> None:
    """A picture alone has its crops spread over the cores, and still."""
    for scene in sorted((shop / "scenes").glob("*.jpg")):
        for options in OPTIONS:
            ours, theirs = (ask_http(one, scene.read_bytes(), model, **options) for one in (fused, server))
            assert ours == theirs, (scene.name, options)


@pytest.mark.triton
def test_many_callers_get_what_one_gets(fused: Server, shop: Path) -> None:
    images = [scene.read_bytes() for scene in sorted((shop / "scenes").glob("*.jpg"))]
    alone = [ask_grpc(fused, image) for image in images]
    with ThreadPoolExecutor(8) as callers:
        together = list(callers.map(lambda number: ask_grpc(fused, images[number % len(images)]), range(32)))
    assert all(reply == alone[number % len(images)] for number, reply in enumerate(together))


@pytest.mark.triton
@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 and then nothing"])
def test_bad_input_gets_the_same_sentence(server: Server, fused: Server, data: bytes) -> None:
    ours, theirs = ask_http(fused, data), ask_http(server, data)
    assert ours.status == "invalid"
    assert ours == theirs


@pytest.mark.triton
def test_whoever_waited_too_long_gets_503(fused: Server, product: Path) -> None:
    check_who_waits_too_long(fused, product.read_bytes())


@pytest.mark.triton
def test_the_parts_of_the_step_are_timed(fused: Server, product: Path) -> None:
    with Client(fused.grpc_url) as client:
        for _ in range(4):
            client.identify(product, gate=False)
    page = MetricsPage.read(fused.metrics_url)
    stages = {one.labels["stage"]: one.value for one in page.of("whatsit_stage_seconds_count")}
    assert min(stages[name] for name in ("decode", "detector", "classifier", "regions", "embedder", "describe")) > 0
    assert {one.labels["model"] for one in page.of("nv_inference_request_success")} == {
        *("identify", "embed", "detect", "describe", "retrieval", "catalogue")
    }


@pytest.mark.triton
def test_the_catalogue_is_served_too(fused: Server, product: Path) -> None:
    with Client(fused.grpc_url) as client:
        assert client.get(product.stem).id == product.stem
        assert client.identify(product, gate=False).regions[0].matches[0].item.id == product.stem


def test_a_root_without_the_folder_is_told(catalogue: Path, tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).resolve().parents[2] / "model_repository", tmp_path / "model_repository")
    with pytest.raises(Unavailable, match=r"There is no model repository .*fused"):
        Server(catalogue, root=tmp_path, ports=Ports(0, 0, 0), fused=True).start()


@pytest.mark.parametrize("options", [("--target", "tensorrt"), ("--config", "tuned")])
def test_what_the_fused_step_cannot_serve_is_refused(options: tuple[str, str], tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["serve", "--catalogue", str(tmp_path), "--fused", *options])
    assert run.exit_code
    assert options[1] in str(run.exception)


def test_a_count_is_the_sum_over_processes(tmp_path: Path) -> None:
    first, second = (SharedCounter("things", process, tmp_path / "count") for process in ("a", "b"))
    first.add(2)
    second.add(1)
    assert first.total() == second.total() == 3
    first.add(-1)
    assert second.total() == 2
    assert (
        SharedCounter("things", "a", tmp_path / "count").total() == 1
    )  # a process that is started again holds nothing


def test_rows_take_no_more_threads_than_they_may() -> None:
    asked: list[int] = []

    class Runner:
        def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            asked.append(len(feeds["images"]))
            return {"sum": feeds["images"].sum(axis=1)}

    images = np.arange(12).reshape(6, 2)
    rows = ParallelBatchRunner(Runner(), 4)  # type: ignore[arg-type]  # what it needs of a runner
    for most, parts in ((1, [6]), (2, [3, 3]), (None, [1, 1, 2, 2]), (9, [1, 1, 2, 2])):
        asked.clear()
        assert rows.run({"images": images}, most)["sum"].tolist() == images.sum(axis=1).tolist()
        assert sorted(asked) == parts
    rows.close()
