"""Opens the runner for a network's file."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner, Runner
from whatsit.engines.openvino_runner import OpenVinoRunner
from whatsit.engines.plan_runner import PlanRunner


def open_runner(
    path: str | Path, threads: int = 1, device: int = 0, engine: str = "onnxruntime", streams: int = 1
) -> Runner:
    """Open a network by the suffix of its file.

    Args:
        path: `.onnx` runs on the CPU with ONNX Runtime or OpenVINO, `.plan` with TensorRT on a GPU.
        threads: CPU threads inside one operator.
        device: number of the GPU.
        engine: "onnxruntime" or "openvino" for an `.onnx` file.
        streams: runs at once in OpenVINO, where further ones wait.

    Raises:
        InvalidInput: another suffix.
        Unavailable: the file, the GPU or a package is missing.
        Damaged: the file cannot be loaded.
    """
    path = Path(path)
    if path.suffix == ".onnx" and engine == "openvino":
        return OpenVinoRunner(path, threads, streams)
    if path.suffix == ".onnx":
        return OnnxRunner(path, threads=threads)
    if path.suffix == ".plan":
        return PlanRunner(path, device=device)
    raise InvalidInput(f"{path} is neither an .onnx file nor a TensorRT .plan: give one of those.")
