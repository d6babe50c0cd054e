"""Wraps the CUDA runtime calls of the plan runner, from the package `cuda-python`.

Polygraphy's `polygraphy.cuda` selects no device and captures no graphs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Unavailable

Graph = Any
"""A captured CUDA graph, see `Cuda.capture`."""


class Cuda:
    """One stream on one GPU; pointers and the stream are integers.

    Args:
        device: number of the GPU.

    Raises:
        Unavailable: the package or the GPU is missing.
    """

    dlpack_type = 2
    """DLPack's device type of the memory from `allocate`: kDLCUDA."""

    def __init__(self, device: int = 0) -> None:
        self.device = device
        self._runtime = _bindings()
        self.set_device()
        self._stream = self._do("cudaStreamCreate")

    @property
    def stream(self) -> int:
        """Handle of the stream, for TensorRT."""
        return int(self._stream)

    def set_device(self) -> None:
        """Select the GPU in the calling thread; CUDA stores the selection per thread."""
        self._do("cudaSetDevice", self.device)

    def allocate(self, size: int) -> int:
        """Allocate `size` bytes on the GPU and return the address."""
        return int(self._do("cudaMalloc", size))

    def free(self, pointer: int) -> None:
        """Free memory from `allocate`."""
        self._do("cudaFree", pointer)

    def copy_to_device(self, pointer: int, array: npt.NDArray[np.generic]) -> None:
        """Start copying a contiguous array to the GPU; keep the array until `synchronize`."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._do("cudaMemcpyAsync", pointer, array.ctypes.data, array.nbytes, kind, self._stream)

    def copy_to_host(self, array: npt.NDArray[np.generic], pointer: int) -> None:
        """Start copying from the GPU to a contiguous array; done after `synchronize`."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._do("cudaMemcpyAsync", array.ctypes.data, pointer, array.nbytes, kind, self._stream)

    def copy_on_device(self, target: int, source: int, size: int) -> None:
        """Start copying `size` bytes inside the GPU."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self._do("cudaMemcpyAsync", target, source, size, kind, self._stream)

    def synchronize(self) -> None:
        """Wait until all started work is complete."""
        self._do("cudaStreamSynchronize", self._stream)

    def capture(self, work: Callable[[], None]) -> Graph:
        """Capture the work that `work` starts on the stream, without running it."""
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._do("cudaStreamBeginCapture", self._stream, mode)
        try:
            work()
        finally:
            graph = self._do("cudaStreamEndCapture", self._stream)
        try:
            return self._do("cudaGraphInstantiate", graph, 0)
        finally:
            self._do("cudaGraphDestroy", graph)

    def launch(self, graph: Graph) -> None:
        """Start a captured graph."""
        self._do("cudaGraphLaunch", graph, self._stream)

    def destroy_graph(self, graph: Graph) -> None:
        """Free a captured graph."""
        self._do("cudaGraphExecDestroy", graph)

    def close(self) -> None:
        """Destroy the stream."""
        self._do("cudaStreamDestroy", self._stream)

    def _do(self, name: str, *arguments: Any) -> Any:
        """Call a function of the runtime and return its result; raise on an error status."""
        status, *results = getattr(self._runtime, name)(*arguments)
        if int(status):
            text = self._runtime.cudaGetErrorString(status)[1]
            reason = text.decode() if isinstance(text, bytes) else str(text)
            raise Unavailable(f"The GPU refused {name} ({reason}): check nvidia-smi, its memory and its driver.")
        return results[0] if results else None


def _bindings() -> ModuleType:
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise Unavailable(
            "Running a TensorRT engine from Python needs the package cuda-python: pip install 'whatsit[tensorrt]'."
        ) from error
