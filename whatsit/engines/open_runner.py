"""One way to open whatever file holds a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner, TensorSpec
from whatsit.engines.plan_runner import PlanRunner


class Runner(Protocol):
    """A network that runs: what `OnnxRunner` and `PlanRunner` have in common."""

    path: Path
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file, hexadecimal."""
        ...

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once; see `OnnxRunner.run`."""
        ...

    def close(self) -> None:
        """Free the network."""
        ...

    def __enter__(self) -> Runner: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_runner(path: str | Path, threads: int = 1, device: int = 0) -> Runner:
    """Open a network by its file's ending.

    Args:
        path: `.onnx` runs with ONNX Runtime on the CPU, `.plan` with TensorRT on a GPU.
        threads: of the CPU, inside one operator.
        device: number of the GPU.

    Raises:
        InvalidInput: another ending.
        Unavailable: the file, the GPU or a package is missing.
        Damaged: the file cannot be loaded.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return OnnxRunner(path, threads=threads)
    if path.suffix == ".plan":
        return PlanRunner(path, device=device)
    raise InvalidInput(f"{path} is neither an .onnx file nor a TensorRT .plan: give one of those.")
