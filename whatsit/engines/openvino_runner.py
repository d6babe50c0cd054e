"""Runs an ONNX file on the CPU with OpenVINO (extra `openvino`)."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import queue
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, Unavailable

from whatsit.engines.onnx_runner import Runner, TensorSpec, check_feeds
from whatsit.engines.processor_flags import has_fast_bf16
from whatsit.engines.repository import cache_folder


def check_openvino() -> None:
    """Refuse OpenVINO where it is not installed.

    Raises:
        Unavailable: with what to do.
    """
    if importlib.util.find_spec("openvino") is None:
        raise Unavailable("OpenVINO is not installed here: pip install 'whatsit[openvino]'.")


class OpenVinoRunner(Runner):
    """A compiled network of one file on the CPU, as a context manager.

    `run` is thread-safe: so many runs as there are streams go on at once, further ones wait. The arithmetic is INT8
    where the file says so and otherwise float32, or bf16 on processors that multiply it (AVX-512 or AMX).

    The compiled network is kept in the cache folder; OpenVINO takes it from there for the same file, options, version
    and processor.

    Args:
        path: the ONNX file.
        threads: threads of one run.
        streams: runs at once.
        bf16: compute in bf16 what the file has in float; None where the processor is fast at it.

    Raises:
        Unavailable: there is no such file, or OpenVINO is not installed.
        Damaged: OpenVINO cannot load the file.
    """

    def __init__(self, path: str | Path, threads: int = 1, streams: int = 1, *, bf16: bool | None = None) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise Unavailable(f"There is no network file {self.path}; build it with `whatsit build`.")
        check_openvino()
        import openvino

        options = {
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(threads * streams),
            "INFERENCE_PRECISION_HINT": "bf16" if (has_fast_bf16() if bf16 is None else bf16) else "f32",
            "ENABLE_CPU_PINNING": "NO",  # several processes would all be bound to the same cores
        }
        try:
            with _compiled_networks() as folder:
                kept = {} if folder is None else {"CACHE_DIR": str(folder)}
                # The path is part of OpenVINO's key, and a server reads links in a folder of its own.
                file = str(self.path.resolve())
                self._compiled: Any = openvino.Core().compile_model(file, "CPU", options | kept)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:200]
            raise Damaged(
                f"{self.path} cannot be loaded as a network by OpenVINO ({reason}); build or download it again."
            ) from error
        self.inputs = tuple(_spec(port) for port in self._compiled.inputs)
        self.outputs = tuple(_spec(port) for port in self._compiled.outputs)
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(self._compiled.create_infer_request())

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once; see `Runner.run`."""
        check_feeds(self.path.name, self.inputs, feeds)
        request = self._requests.get()
        try:
            request.infer({name: np.ascontiguousarray(array) for name, array in feeds.items()}, share_inputs=True)
            return {spec.name: request.get_output_tensor(place).data.copy() for place, spec in enumerate(self.outputs)}
        finally:
            self._requests.put(request)

    def close(self) -> None:
        """Free the network."""
        del self._requests, self._compiled


@contextlib.contextmanager
def _compiled_networks() -> Iterator[Path | None]:
    """Lock the cache of compiled networks; None where it cannot be written.

    One process at a time: the instances of a model start together, and all but the first then read what that compiled.
    """
    folder = cache_folder() / "openvino"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError:
        yield None
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _spec(port: Any) -> TensorSpec:
    shape = tuple(None if size.is_dynamic else size.get_length() for size in port.get_partial_shape())
    # Compiled tensors may have names of inner nodes too; that of the node is the file's, with a suffix for outputs.
    name = port.get_node().get_friendly_name().removesuffix("/sink_port_0")
    known = port.get_names()
    return TensorSpec(
        name if name in known else port.get_any_name(), np.dtype(port.get_element_type().to_dtype()), shape
    )
