"""The CUDA wrapper on a runtime that is faked with host memory: order of calls, copies, graphs, error messages."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import Unavailable

from whatsit.engines import cuda
from whatsit.engines.cuda import Cuda


class FakeRuntime:
    """The module `cuda.bindings.runtime`: every function returns a status, then its results."""

    cudaMemcpyKind = SimpleNamespace(  # noqa: N815  # CUDA's name
        cudaMemcpyHostToDevice="up", cudaMemcpyDeviceToHost="down", cudaMemcpyDeviceToDevice="across"
    )
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="thread")  # noqa: N815

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.memory: dict[int, np.ndarray] = {}
        self.failing: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("cuda"):
            raise AttributeError(name)

        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append((name, *arguments))
            if status := self.failing.get(name, 0):
                return (status,)
            result = getattr(self, f"do_{name}", lambda *_: None)(*arguments)
            return (0,) if result is None else (0, result)

        return call

    def do_cudaStreamCreate(self) -> int:
        return 77

    def do_cudaMalloc(self, size: int) -> int:
        block = np.zeros(size, np.uint8)
        self.memory[block.ctypes.data] = block
        return block.ctypes.data

    def do_cudaFree(self, pointer: int) -> None:
        del self.memory[pointer]

    def do_cudaMemcpyAsync(self, target: int, source: int, size: int, kind: str, stream: int) -> None:
        assert stream == 77
        ctypes.memmove(target, source, size)

    def do_cudaStreamEndCapture(self, stream: int) -> str:
        return "graph"

    def do_cudaGraphInstantiate(self, graph: str, flags: int) -> str:
        return f"executable {graph}"

    def cudaGetErrorString(self, status: int) -> tuple[int, bytes]:
        return 0, b"out of memory"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    fake = FakeRuntime()
    monkeypatch.setattr(cuda, "_bindings", lambda: fake)
    return fake


def test_copies_to_the_device_on_it_and_back(runtime: FakeRuntime) -> None:
    gpu = Cuda(1)
    assert (gpu.stream, runtime.calls[0]) == (77, ("cudaSetDevice", 1))
    array, back = np.arange(12, dtype=np.float32).reshape(3, 4), np.zeros((3, 4), np.float32)
    first, second = gpu.allocate(array.nbytes), gpu.allocate(array.nbytes)
    gpu.copy_to_device(first, array)
    gpu.copy_on_device(second, first, array.nbytes)
    gpu.copy_to_host(back, second)
    gpu.synchronize()
    np.testing.assert_array_equal(back, array)
    assert [call[4] for call in runtime.calls if call[0] == "cudaMemcpyAsync"] == ["up", "across", "down"]
    gpu.free(first)
    gpu.free(second)
    gpu.close()
    assert not runtime.memory
    assert runtime.calls[-1] == ("cudaStreamDestroy", 77)


def test_a_graph_is_captured_and_its_template_destroyed(runtime: FakeRuntime) -> None:
    gpu = Cuda()
    graph = gpu.capture(lambda: runtime.calls.append(("work",)))
    gpu.launch(graph)
    gpu.destroy_graph(graph)
    names = [call[0] for call in runtime.calls[2:]]
    captured = ["cudaStreamBeginCapture", "work", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphDestroy"]
    assert names == [*captured, "cudaGraphLaunch", "cudaGraphExecDestroy"]
    assert runtime.calls[-2] == ("cudaGraphLaunch", "executable graph", 77)


def test_a_failing_capture_is_ended(runtime: FakeRuntime) -> None:
    def fail() -> None:
        raise ValueError("no kernel")

    gpu = Cuda()
    with pytest.raises(ValueError, match="no kernel"):
        gpu.capture(fail)
    assert runtime.calls[-1] == ("cudaStreamEndCapture", 77)


def test_an_error_status_is_one_sentence(runtime: FakeRuntime) -> None:
    gpu = Cuda()
    runtime.failing["cudaMalloc"] = 2
    with pytest.raises(Unavailable, match=r"refused cudaMalloc \(out of memory\): check nvidia-smi"):
        gpu.allocate(1)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(cuda.importlib, "import_module", missing)
    with pytest.raises(Unavailable, match=r"pip install 'whatsit\[tensorrt\]'"):
        Cuda()
