"""Base of the Python-based backends that serve ONNX files on a CPU."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from whatsit_client.errors import WhatsitError

from whatsit.engines.onnx_runner import Runner
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner


class OnnxBackend(ABC):
    """One instance of one network; all requests of a dynamic batch run as one."""

    @abstractmethod
    def open(self, file: Path, parameters: Mapping[str, str], row_threads: int) -> Runner:
        """Open the network.

        Args:
            file: the ONNX file.
            parameters: of the model's config.
            row_threads: over so many threads a batch is split; 0 is one per core.

        Raises:
            WhatsitError: the file cannot be served.
        """

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load `<model>/<version>/model.onnx` and compare it with the config."""
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        file = Path(pb_utils.get_model_dir()) / (config.get("default_model_filename") or "model.onnx")
        self._batches = config["max_batch_size"] > 0
        row_threads = int(parameters.get("row_threads", "1")) if self._batches else 1
        try:
            self._runner = self.open(file, parameters, row_threads)
        except WhatsitError as error:
            raise pb_utils.TritonModelException(str(error)) from error
        self._rows = ParallelBatchRunner(self._runner, row_threads)
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
