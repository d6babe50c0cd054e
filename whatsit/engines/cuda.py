"""The few calls of the CUDA runtime that running an engine takes, through the package `cuda-python`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Unavailable

Graph = Any
"""What `capture` returns and `launch` takes."""


class Cuda:
    """One GPU with one stream on it; pointers and the stream are plain integers.

    Args:
        device: number of the GPU.

    Raises:
        Unavailable: the package or the GPU is not there.
    """

    kind = 2
    """DLPack's number for the memory that `allocate` gives: a CUDA GPU's."""

    def __init__(self, device: int = 0) -> None:
        self.device = device
        self._runtime = _bindings()
        self.use()
        self._stream = self._do("cudaStreamCreate")

    @property
    def stream(self) -> int:
        """Handle of the stream, as TensorRT takes it."""
        return int(self._stream)

    def use(self) -> None:
        """Make the GPU the calling thread's; CUDA keeps one for each thread."""
        self._do("cudaSetDevice", self.device)

    def allocate(self, size: int) -> int:
        """Memory of `size` bytes on the GPU."""
        return int(self._do("cudaMalloc", size))

    def free(self, pointer: int) -> None:
        """Give back what `allocate` gave."""
        self._do("cudaFree", pointer)

    def upload(self, pointer: int, array: npt.NDArray[np.generic]) -> None:
        """Start to copy a contiguous array to the GPU; it must live until `synchronize`."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._do("cudaMemcpyAsync", pointer, array.ctypes.data, array.nbytes, kind, self._stream)

    def download(self, array: npt.NDArray[np.generic], pointer: int) -> None:
        """Start to fill a contiguous array from the GPU; it is whole after `synchronize`."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._do("cudaMemcpyAsync", array.ctypes.data, pointer, array.nbytes, kind, self._stream)

    def copy(self, target: int, source: int, size: int) -> None:
        """Start to copy `size` bytes inside the GPU."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self._do("cudaMemcpyAsync", target, source, size, kind, self._stream)

    def synchronize(self) -> None:
        """Wait until everything that was started is done."""
        self._do("cudaStreamSynchronize", self._stream)

    def capture(self, work: Callable[[], None]) -> Graph:
        """Record what `work` starts on the stream, without running it."""
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
        """Start a recorded graph."""
        self._do("cudaGraphLaunch", graph, self._stream)

    def forget(self, graph: Graph) -> None:
        """Free a recorded graph."""
        self._do("cudaGraphExecDestroy", graph)

    def close(self) -> None:
        """Give the stream back."""
        self._do("cudaStreamDestroy", self._stream)

    def _do(self, name: str, *arguments: Any) -> Any:
        """Call a function; its result, or the sentence for its error."""
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
