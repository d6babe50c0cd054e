"""Python-based Triton backend `openvino`, for Tritons without the native one.

It serves model.onnx and reads the native backend's parameters `INFERENCE_NUM_THREADS` and `HINT_BF16`, and one more,
`row_threads`: over so many threads an instance splits a batch (0: one per core).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whatsit.engines.available_cores import available_cores
from whatsit.engines.openvino_runner import OpenVinoRunner
from whatsit.serving.onnx_backend import OnnxBackend


class TritonPythonModel(OnnxBackend):
    """A network in OpenVINO."""

    def open(self, file: Path, parameters: Mapping[str, str], row_threads: int) -> OpenVinoRunner:
        """Open the network with the config's threads, a stream for each thread of rows."""
        bf16 = {"YES": True, "NO": False}.get(parameters.get("HINT_BF16", ""))
        threads = int(parameters.get("INFERENCE_NUM_THREADS", "1"))
        return OpenVinoRunner(file, threads, row_threads or available_cores(), bf16=bf16)
