"""Python-based Triton backend `onnxruntime`, for Tritons without the native one.

It serves model.onnx and reads the same config.pbtxt as the native backend (`intra_op_thread_count`, `instance_group`,
`dynamic_batching`), so the model repository is the same on a laptop and in NVIDIA's container. The native backend
ignores one parameter: `row_threads`, the number of threads over which an instance splits a batch (0: one per core).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.serving.onnx_backend import OnnxBackend


class TritonPythonModel(OnnxBackend):
    """A network in ONNX Runtime."""

    def open(self, file: Path, parameters: Mapping[str, str], row_threads: int) -> OnnxRunner:
        """Open the network with the config's threads."""
        return OnnxRunner(file, threads=int(parameters.get("intra_op_thread_count", "1")))
