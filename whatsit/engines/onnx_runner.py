"""Runs an ONNX file on the CPU with ONNX Runtime, without torch.

Polygraphy's `OnnxrtRunner` does not set the number of threads, which decides the latency of a server.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype and shape of an input or output; a dynamic dimension is None."""

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int | None, ...]

    def accepts(self, array: npt.NDArray[np.generic]) -> bool:
        """Return whether `array` has this dtype and a matching shape."""
        return (
            array.dtype == self.dtype
            and array.ndim == len(self.shape)
            and all(want is None or want == got for want, got in zip(self.shape, array.shape, strict=True))
        )

    def __str__(self) -> str:
        dims = ",".join("n" if d is None else str(d) for d in self.shape)
        return f"{self.name} {self.dtype}[{dims}]"


class Runner(ABC):
    """A network that runs, as a context manager.

    Attributes:
        path: the network's file.
        inputs: its inputs.
        outputs: its outputs.
    """

    path: Path
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @abstractmethod
    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once.

        Args:
            feeds: one array for each input, dtype and shape as in `inputs`; batch of 1 or more.

        Returns:
            One array for each output, by name.

        Raises:
            InvalidInput: an input is missing, unknown, or of another dtype or shape.
        """

    @abstractmethod
    def close(self) -> None:
        """Free the network; the runner cannot be used afterwards."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file, hexadecimal; an index stores that of its embedder."""
        return file_fingerprint(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class OnnxRunner(Runner):
    """ONNX Runtime session of one file on the CPU, as a context manager.

    `run` is thread-safe. For throughput, call it from several threads: on a CPU, one single-threaded run per core is
    faster than one run with many threads.

    Args:
        path: the ONNX file.
        threads: threads inside one operator; idle threads do not spin.
        optimise: False disables graph optimisations: slow, but correct for files that mix FP16 and INT8.

    Raises:
        Unavailable: there is no such file.
        Damaged: ONNX Runtime cannot load the file.

    Example:
        >>> with OnnxRunner("model_repository/embedder/1/model.onnx") as runner:  # doctest: +SKIP
        ...     runner.run({"images": np.zeros((1, 3, 224, 224), np.uint8)})["embedding"].shape
        (1, 128)
    """

    def __init__(self, path: str | Path, threads: int = 1, *, optimise: bool = True) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise Unavailable(f"There is no network file {self.path}; build it with `whatsit build`.")
        try:
            self._session = open_session(str(self.path), threads, optimise=optimise)
        except Exception as error:  # ONNX Runtime raises a dozen private types when it cannot load a file
            raise Damaged(
                f"{self.path} cannot be loaded as an ONNX network ({_first_line(error)}); build or download it again."
            ) from error
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())

    @property
    def metadata(self) -> dict[str, str]:
        """Custom metadata that the build wrote into the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once; see `Runner.run`."""
        check_feeds(self.path.name, self.inputs, feeds)
        names = [spec.name for spec in self.outputs]
        return dict(zip(names, self._session.run(names, dict(feeds)), strict=True))

    def close(self) -> None:
        """Free the session."""
        del self._session


def open_session(model: str | bytes, threads: int = 1, *, optimise: bool = True) -> Any:
    """Open an `onnxruntime.InferenceSession` on the CPU.

    Args:
        model: path of an ONNX file, or its bytes.
        threads: threads inside one operator; idle threads do not spin.
        optimise: False disables graph optimisations.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def check_feeds(file: str, inputs: tuple[TensorSpec, ...], feeds: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Validate the inputs of one run.

    Args:
        file: name of the network's file, for the error message.
        inputs: inputs of the network.
        feeds: one array for each input.

    Raises:
        InvalidInput: an input is missing, unknown, or of another dtype or shape.
    """
    for spec in inputs:
        if spec.name not in feeds:
            raise InvalidInput(f"{file} needs the input {spec}, which was not given.")
        array = feeds[spec.name]
        if not spec.accepts(array):
            got = f"{array.dtype}{list(array.shape)}"
            raise InvalidInput(f"{file} takes {spec}, but got {got}; convert it first.")
    if extra := set(feeds) - {spec.name for spec in inputs}:
        raise InvalidInput(f"{file} has no input named {', '.join(sorted(extra))}; leave it out.")


def file_fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _spec(node: Any) -> TensorSpec:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    try:
        dtype = np.dtype({"float": "float32", "double": "float64"}.get(kind, kind))
    except TypeError as error:
        message = (
            f"Tensor {node.name} has the type {node.type}, which Whatsit does not serve; export it as float or uint8."
        )
        raise Damaged(message) from error
    return TensorSpec(node.name, dtype, tuple(d if isinstance(d, int) else None for d in node.shape))


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
