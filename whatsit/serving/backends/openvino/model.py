"""Python-based Triton backend `openvino`, for Tritons without the native one.

It serves model.onnx and reads the native backend's parameters `INFERENCE_NUM_THREADS` and `HINT_BF16`, and one more,
`row_threads`: over so many threads an instance splits a batch (0: one per core).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from whatsit_client.errors import WhatsitError

from whatsit.engines.available_cores import available_cores
from whatsit.engines.openvino_runner import OpenVinoRunner
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner


class TritonPythonModel:
    """One instance of one network; all requests of a dynamic batch run as one."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load `<model>/<version>/model.onnx` and compare it with the config."""
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        file = Path(pb_utils.get_model_dir()) / (config.get("default_model_filename") or "model.onnx")
        self._batches = config["max_batch_size"] > 0
        rows = int(parameters.get("row_threads", "1")) if self._batches else 1
        streams = rows or available_cores()
        bf16 = {"YES": True, "NO": False}.get(parameters.get("HINT_BF16", ""))
        try:
            self._runner = OpenVinoRunner(file, int(parameters.get("INFERENCE_NUM_THREADS", "1")), streams, bf16=bf16)
        except WhatsitError as error:
            raise pb_utils.TritonModelException(str(error)) from error
        self._rows = ParallelBatchRunner(self._runner, streams)
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        missing = set(self._outputs) - {spec.name for spec in self._runner.outputs}
        if missing or set(self._inputs) != {spec.name for spec in self._runner.inputs}:
            raise pb_utils.TritonModelException(
                f"{file} takes {', '.join(map(str, self._runner.inputs))} and gives "
                f"{', '.join(map(str, self._runner.outputs))}, not what the config of {config['name']} declares."
            )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Join the requests along the batch, run once, split the answer."""
        feeds = [
            {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}
            for request in requests
        ]
        try:
            if not self._batches or len(feeds) == 1:
                parts = [self._rows.run(feed) for feed in feeds]
            else:
                joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in self._inputs}
                ends = np.cumsum([len(feed[self._inputs[0]]) for feed in feeds])[:-1]
                whole = self._rows.run(joined)
                split = {name: np.split(whole[name], ends) for name in self._outputs}
                parts = [{name: split[name][row] for name in self._outputs} for row in range(len(feeds))]
        except WhatsitError as error:
            failure = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            return [pb_utils.InferenceResponse([], failure) for _ in requests]
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(name, part[name]) for name in self._outputs]) for part in parts
        ]

    def finalize(self) -> None:
        """Free the network."""
        self._rows.close()
        self._runner.close()
