"""The plan runner's own work (batches, profiles, graphs, memory, sentences), on a TensorRT and a CUDA that are faked.

What needs a GPU is in `perf/gpu_check.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.engines import gpu, plan_runner, plan_runtime
from whatsit.engines.dlpack import DeviceTensor
from whatsit.engines.gpu import Gpu
from whatsit.engines.open_runner import open_runner
from whatsit.engines.plan_runner import PlanRunner

_SPEC = importlib.util.spec_from_file_location("fake_tensorrt", Path(__file__).with_name("fake_tensorrt.py"))
assert _SPEC
assert _SPEC.loader
fake = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fake)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine with one card, TensorRT 10.13 and TensorRT-RTX 1.7, all on the CPU."""
    made = fake.FakeCuda()
    modules = {"tensorrt": fake.make_tensorrt(made), "tensorrt_rtx": fake.make_tensorrt(made, "1.7")}
    monkeypatch.setattr(plan_runner, "find_gpus", lambda: (Gpu("Fake", (9, 0)),))
    monkeypatch.setattr(plan_runner, "Cuda", lambda device: made)
    monkeypatch.setattr(plan_runner, "installed_runtimes", lambda names: modules)
    return made


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Path]:
    def write(profiles: list[list[int]], version: str = "10.13") -> Path:
        path = tmp_path / "model.plan"
        path.write_text(json.dumps({"profiles": profiles, "factor": 2.0, "version": version}))
        return path

    return write


@pytest.fixture
def random() -> Iterator[Callable[[int], np.ndarray]]:
    generator = np.random.default_rng(0)
    return lambda rows: generator.integers(0, 256, (rows, fake.SIDE), dtype=np.uint8)


def test_describes_itself_and_runs_every_batch(cuda: Any, plan: Any, random: Any) -> None:
    with PlanRunner(plan([[1, 4, 8]])) as runner:
        assert [str(spec) for spec in (*runner.inputs, *runner.outputs)] == [
            "images uint8[n,4]",
            "doubled float32[n,4]",
        ]
        assert runner.max_batch == 8
        assert runner.runtime == "tensorrt 10.13"
        assert runner.fingerprint == hashlib.sha256(runner.path.read_bytes()).hexdigest()
        for rows in (1, 3, 8):
            images = random(rows)
            np.testing.assert_array_equal(runner.run({"images": images})["doubled"], images * 2.0)
    assert cuda.closed
    assert not cuda.memory, "memory of the GPU was not given back"


def test_larger_batches_are_cut_and_smaller_ones_padded(cuda: Any, plan: Any, random: Any) -> None:
    with PlanRunner(plan([[4, 4, 8]])) as runner:
        for rows in (1, 21):
            images = random(rows)
            np.testing.assert_array_equal(runner.run({"images": images})["doubled"], images * 2.0)
    assert [line.split()[1] for line in cuda.said] == ["4", "8", "8", "5"]


def test_the_profile_that_was_tuned_for_a_batch_runs_it(cuda: Any, plan: Any, random: Any) -> None:
    with PlanRunner(plan([[1, 1, 1], [2, 8, 8], [2, 32, 32]])) as runner:
        for rows in (1, 7, 30):
            runner.run({"images": random(rows)})
    assert cuda.said == ["enqueue 1 in profile 0", "enqueue 7 in profile 1", "enqueue 30 in profile 2"]


def test_a_graph_is_recorded_after_a_warm_run_and_then_replayed(cuda: Any, plan: Any, random: Any) -> None:
    with PlanRunner(plan([[1, 4, 8]]), graphs=(4,)) as runner:
        for rows in (4, 4, 4, 3, 4):
            images = random(rows)
            np.testing.assert_array_equal(runner.run({"images": images})["doubled"], images * 2.0)
    warm, other = "enqueue 4 in profile 0", "enqueue 3 in profile 0"
    assert cuda.said == [warm, "capture", "launch", "launch", other, "launch", "destroy"]


def test_parts_of_several_callers_run_as_one(cuda: Any, plan: Any, random: Any) -> None:
    first, second = random(2), random(3)
    there = DeviceTensor(second.ctypes.data, second.shape, second.dtype, (cuda.dlpack_type, 0), owner=second)
    with PlanRunner(plan([[1, 4, 8]])) as runner:
        answers = runner.run_parts([{"images": first}, {"images": there}])
        assert cuda.said == ["enqueue 5 in profile 0"]
        for images, answer in zip((first, second), answers, strict=True):
            np.testing.assert_array_equal(answer["doubled"], images * 2.0)
        on_device = runner.run_parts([{"images": first}, {"images": there}], on_device=True)
        for images, answer in zip((first, second), on_device, strict=True):
            np.testing.assert_array_equal(np.from_dlpack(answer["doubled"]), images * 2.0)
        with pytest.raises(InvalidInput, match="up to 8"):
            runner.run_parts([{"images": random(9)}])
        elsewhere = DeviceTensor(second.ctypes.data, second.shape, second.dtype, (cuda.dlpack_type, 1), owner=second)
        with pytest.raises(InvalidInput, match=r"got uint8\[2, 3\]"):
            runner.run_parts([{"images": first[:, :3]}])
        with pytest.raises(InvalidInput, match="GPU 0"):
            runner.run_parts([{"images": elsewhere}])


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"images": np.zeros((1, 4), np.float32)},
        {"images": np.zeros((1, 5), np.uint8)},
        {"images": np.zeros((1, 4), np.uint8), "more": np.zeros(1, np.uint8)},
    ],
)
def test_refuses_wrong_feeds(cuda: Any, plan: Any, feeds: dict[str, np.ndarray]) -> None:
    with PlanRunner(plan([[1, 4, 8]])) as runner, pytest.raises(InvalidInput, match=r"model\.plan"):
        runner.run(feeds)


def test_the_runtime_that_takes_a_plan_is_found(cuda: Any, plan: Any) -> None:
    with PlanRunner(plan([[1, 1, 2]], version="1.7")) as runner:
        assert runner.runtime == "tensorrt_rtx 1.7"


def test_a_plan_of_another_version(cuda: Any, plan: Any) -> None:
    with pytest.raises(Damaged, match=r"tensorrt_rtx 1\.7: Version tag does not match: 8\.6 != 1\.7") as error:
        PlanRunner(plan([[1, 1, 2]], version="8.6"))
    assert "\n" not in str(error.value)
    assert cuda.closed


def test_a_missing_plan(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="whatsit build"):
        PlanRunner(tmp_path / "model.plan")


def test_no_gpu(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(gpu.ctypes, "CDLL", no_driver)
    with pytest.raises(Unavailable, match=r"model\.plan is a TensorRT engine and needs a GPU: .*libcuda") as error:
        PlanRunner(plan([[1, 1, 2]]))
    assert "\n" not in str(error.value)


def test_no_such_gpu(cuda: Any, plan: Any) -> None:
    with pytest.raises(Unavailable, match="no GPU number 3"):
        PlanRunner(plan([[1, 1, 2]]), device=3)


def test_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(plan_runtime.importlib, "import_module", missing)
    with pytest.raises(Unavailable, match=r"pip install 'whatsit\[tensorrt\]'"):
        plan_runtime.installed_runtimes()


def test_the_ending_chooses_the_runner(cuda: Any, plan: Any, tmp_path: Path) -> None:
    with open_runner(plan([[1, 1, 2]])) as runner:
        assert isinstance(runner, PlanRunner)
    with open_runner(Path(__file__).resolve().parents[2] / "model_repository/embedder/1/model.onnx") as runner:
        assert runner.inputs[0].name == "images"
    with pytest.raises(InvalidInput, match="neither"):
        open_runner(tmp_path / "model.pt")
