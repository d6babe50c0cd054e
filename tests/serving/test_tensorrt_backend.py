"""The Python-based `tensorrt` backend: against a stubbed Triton, and inside a real one that has no GPU."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.engines.dlpack import CPU, DeviceTensor
from whatsit.engines.onnx_runner import TensorSpec

BACKEND = Path(__file__).resolve().parents[2] / "whatsit" / "serving" / "backends" / "tensorrt" / "model.py"
CONFIG: dict[str, Any] = {
    "name": "embedder",
    "max_batch_size": 8,
    "input": [{"name": "images"}],
    "output": [{"name": "embedding"}],
    "dynamic_batching": {"preferred_batch_size": [4]},
    "optimization": {"cuda": {"graphs": True}},
    "parameters": {},
}


class Tensor:
    """What `pb_utils.Tensor` does that the backend uses; `device` makes it one on a GPU."""

    def __init__(self, name: str, array: np.ndarray, device: bool = False) -> None:
        self.name, self.array, self.device = name, array, device

    def is_cpu(self) -> bool:
        return not self.device

    def as_numpy(self) -> np.ndarray:
        assert not self.device, "a GPU's tensor was copied to the CPU"
        return self.array

    def to_dlpack(self) -> object:
        return self.array.__dlpack__()

    @classmethod
    def from_dlpack(cls, name: str, tensor: Any) -> Tensor:
        return cls(name, np.from_dlpack(tensor).copy(), device=True)


class Runner:
    """A network that sums each image; keeps what it was asked."""

    made: Runner

    def __init__(self, path: Path, device: int, graphs: set[int]) -> None:
        if not path.exists():
            raise Unavailable("There is no engine; build it with `whatsit build`.")
        Runner.made = self
        self.path, self.device, self.graphs, self.max_batch = path, device, graphs, 8
        self.inputs = (TensorSpec("images", np.dtype(np.uint8), (None, 2)),)
        self.outputs = (TensorSpec("embedding", np.dtype(np.float32), (None, 1)),)
        self.seen: list[list[Any]] = []
        self.closed = False

    def run_parts(self, parts: list[dict[str, Any]], on_device: bool) -> list[dict[str, Any]]:
        images = [part["images"] for part in parts]
        self.seen.append(images)
        if sum(len(np.from_dlpack(one)) for one in images) > self.max_batch:
            raise InvalidInput("too many")
        sums = [np.from_dlpack(one).sum(axis=1, dtype=np.float32, keepdims=True) for one in images]
        if on_device:
            return [{"embedding": DeviceTensor(s.ctypes.data, s.shape, s.dtype, (CPU, 0), s)} for s in sums]
        return [{"embedding": s} for s in sums]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that loads the backend's model with a config."""
    pb: Any = ModuleType("triton_python_backend_utils")
    pb.Tensor = Tensor
    pb.TritonError = type("TritonError", (), {"INVALID_ARG": 3, "INTERNAL": 1, "__init__": _keep})
    pb.TritonModelException = type("TritonModelException", (Exception,), {})
    pb.InferenceResponse = lambda tensors, error=None: SimpleNamespace(tensors=tensors, error=error)
    pb.get_input_tensor_by_name = lambda request, name: request[name]
    pb.get_model_dir = lambda: str(tmp_path)
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", pb)
    spec = importlib.util.spec_from_file_location("tensorrt_backend_model", BACKEND)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PlanRunner", Runner)
    (tmp_path / "model.plan").touch()

    def load(**changes: Any) -> Any:
        made = module.TritonPythonModel()
        arguments = {"model_instance_kind": "GPU", "model_instance_device_id": "2"}
        made.initialize(arguments | {"model_config": json.dumps(CONFIG | changes)})
        return made

    return load


def _keep(self: Any, text: str, code: int) -> None:
    self.text, self.code = text, code


def request(rows: int, device: bool = False) -> dict[str, Tensor]:
    images = np.arange(2 * rows, dtype=np.uint8).reshape(rows, 2)
    return {"images": Tensor("images", images, device)}


def test_requests_share_one_run_on_the_instances_gpu(model: Any) -> None:
    loaded = model()
    assert Runner.made.device == 2
    assert Runner.made.graphs == {1, 4, 8}
    answers = loaded.execute([request(1), request(3)])
    assert len(Runner.made.seen) == 1
    np.testing.assert_array_equal(answers[0].tensors[0].array, [[1]])
    np.testing.assert_array_equal(answers[1].tensors[0].array, [[1], [5], [9]])
    loaded.finalize()
    assert Runner.made.closed


def test_tensors_on_the_gpu_stay_there(model: Any) -> None:
    loaded = model(parameters={"gpu_outputs": {"string_value": "yes"}})
    there, here = request(2, device=True), request(1)
    answers = loaded.execute([there, here])
    given = Runner.made.seen[0]
    assert isinstance(given[0], DeviceTensor)
    assert given[0].pointer == there["images"].array.ctypes.data
    assert isinstance(given[1], np.ndarray)
    assert all(answer.tensors[0].device for answer in answers)
    np.testing.assert_array_equal(answers[0].tensors[0].array, [[1], [5]])


def test_no_graphs_unless_asked(model: Any) -> None:
    model(optimization={})
    assert Runner.made.graphs == set()


def test_a_refusal_reaches_every_caller(model: Any) -> None:
    answers = model().execute([request(5), request(5)])
    assert [(answer.error.text, answer.error.code) for answer in answers] == [("too many", 3)] * 2


@pytest.mark.parametrize(
    "changes", [{"max_batch_size": 16}, {"input": [{"name": "pixels"}]}, {"output": [{"name": "boxes"}]}]
)
def test_a_plan_that_does_not_fit_the_config(model: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="not what the config of embedder declares"):
        model(**changes)


def test_a_missing_plan(model: Any, tmp_path: Path) -> None:
    (tmp_path / "model.plan").unlink()
    with pytest.raises(Exception, match="whatsit build"):
        model()


@pytest.mark.triton
def test_a_real_triton_without_a_gpu_says_so_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from whatsit.engines.gpu import find_gpus
    from whatsit.server.installation import find_installation, lay_out_backends, server_environment

    try:
        find_gpus()
    except Unavailable:
        pass
    else:
        pytest.skip("this machine has a GPU")
    folder = tmp_path / "models" / "embedder"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.plan").write_bytes(b"ftrt")
    (folder / "config.pbtxt").write_text(
        'name: "embedder"\nbackend: "tensorrt"\nmax_batch_size: 8\n'
        'input [ { name: "images" data_type: TYPE_UINT8 dims: [ 3, 8, 8 ] } ]\n'
        'output [ { name: "embedding" data_type: TYPE_FP32 dims: [ 4 ] } ]\n'
        "instance_group [ { count: 1 kind: KIND_CPU } ]\n"
    )
    installation = find_installation()
    backends = lay_out_backends(installation, tmp_path / "backends")
    command = [str(installation.binary), f"--model-repository={tmp_path / 'models'}", f"--backend-directory={backends}"]
    command += ["--allow-http=false", "--allow-grpc=false", "--allow-metrics=false", "--exit-timeout-secs=2"]
    run = subprocess.run(
        command, env=server_environment(installation, {}), cwd=tmp_path, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "model.plan is a TensorRT engine and needs a GPU" in said
    assert "Traceback" not in said
