"""A TensorRT and a CUDA that live on the CPU: what `PlanRunner` asks of both, counted and really computed.

A "plan" is JSON: batches of its profiles and a factor; its network multiplies `images` by the factor.
"""

from __future__ import annotations

import ctypes
import enum
import json
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

SIDE = 4


class DataType(enum.Enum):
    UINT8 = 1
    FLOAT = 2

    def __str__(self) -> str:  # as pybind11 prints its enums
        return f"DataType.{self.name}"


def view(pointer: int, count: int, dtype: type[np.generic]) -> np.ndarray:
    kind = np.ctypeslib.as_ctypes_type(dtype)
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(kind)), (count,))


class FakeCuda:
    """Memory of the CPU with the calls of `whatsit.engines.cuda.Cuda`; `said` lists what was done."""

    dlpack_type = 1  # so that NumPy can look into what the runner hands out

    def __init__(self) -> None:
        self.device, self.stream = 0, 77
        self.memory: dict[int, np.ndarray] = {}
        self.said: list[str] = []
        self.recording: list[Callable[[], None]] | None = None
        self.closed = self.used = False

    def set_device(self) -> None:
        self.used = True

    def allocate(self, size: int) -> int:
        block = np.full(size, 0xAB, np.uint8)
        self.memory[block.ctypes.data] = block
        return block.ctypes.data

    def free(self, pointer: int) -> None:
        del self.memory[pointer]

    def copy_to_device(self, pointer: int, array: np.ndarray) -> None:
        self.copy_on_device(pointer, array.ctypes.data, array.nbytes)

    def copy_to_host(self, array: np.ndarray, pointer: int) -> None:
        self.copy_on_device(array.ctypes.data, pointer, array.nbytes)

    def copy_on_device(self, target: int, source: int, size: int) -> None:
        ctypes.memmove(target, source, size)

    def synchronize(self) -> None:
        assert self.recording is None

    def capture(self, work: Callable[[], None]) -> list[Callable[[], None]]:
        self.said.append("capture")
        self.recording = []
        work()
        graph, self.recording = self.recording, None
        return graph

    def launch(self, graph: list[Callable[[], None]]) -> None:
        self.said.append("launch")
        for work in graph:
            work()

    def destroy_graph(self, graph: object) -> None:
        self.said.append("destroy")

    def close(self) -> None:
        self.closed = True


class Context:
    def __init__(self, engine: Engine) -> None:
        self.engine, self.profile, self.batch = engine, 0, 0
        self.addresses: dict[str, int] = {}

    def set_optimization_profile_async(self, index: int, stream: int) -> None:
        assert stream == self.engine.cuda.stream
        self.profile = index

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        least, _, most = self.engine.plan["profiles"][self.profile]
        assert name == "images"
        assert shape[1:] == (SIDE,)
        assert least <= shape[0] <= most, "a batch outside the profile"
        self.batch = shape[0]

    def set_tensor_address(self, name: str, pointer: int) -> None:
        self.addresses[name] = pointer

    def execute_async_v3(self, stream: int) -> bool:
        cuda, batch = self.engine.cuda, self.batch
        assert stream == cuda.stream

        def work() -> None:
            images = view(self.addresses["images"], batch * SIDE, np.uint8)
            view(self.addresses["doubled"], batch * SIDE, np.float32)[:] = images * self.engine.plan["factor"]

        if cuda.recording is not None:
            cuda.recording.append(work)
        else:
            cuda.said.append(f"enqueue {batch} in profile {self.profile}")
            work()
        return True


class Engine:
    num_io_tensors = 2

    def __init__(self, plan: dict[str, Any], cuda: FakeCuda) -> None:
        self.plan, self.cuda = plan, cuda
        self.num_optimization_profiles = len(plan["profiles"])

    def get_tensor_name(self, number: int) -> str:
        return ("images", "doubled")[number]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name == "images" else "out"

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.UINT8 if name == "images" else DataType.FLOAT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, SIDE)

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        return [(batch, SIDE) for batch in self.plan["profiles"][profile]]

    def create_execution_context(self) -> Context:
        return Context(self)


def make_tensorrt(cuda: FakeCuda, version: str = "10.13") -> ModuleType:
    """A module that takes JSON plans of its own version."""

    class ILogger:
        ERROR, INTERNAL_ERROR = "error", "internal error"

        def log(self, severity: str, text: str) -> None:
            raise NotImplementedError

    class Runtime:
        engine_host_code_allowed = False

        def __init__(self, logger: ILogger) -> None:
            self.logger = logger

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            content = json.loads(plan)
            if content["version"] != version:
                self.logger.log("error", f"Version tag does not match:\n {content['version']} != {version}")
                return None
            return Engine(content, cuda)

    module = ModuleType("tensorrt")
    for name, value in {
        "ILogger": ILogger,
        "Runtime": Runtime,
        "DataType": DataType,
        "TensorIOMode": SimpleNamespace(INPUT="in"),
        "__version__": version,
    }.items():
        setattr(module, name, value)
    return module
