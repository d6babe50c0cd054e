"""Input files for perf_analyzer: pictures, and the tensors of inner models."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton
from whatsit_client.errors import InvalidInput

from perf.common.tensors import tensors

MOST_WALKED = 8  # pictures whose tensors are kept: a few MB each

Tensors = Mapping[str, npt.NDArray[Any]]
Rows = list[dict[str, Any]]


class Inputs:
    """Files in perf_analyzer's format for every model, sent in a cycle.

    Args:
        address: gRPC host:port of the server, whose own answers become the inputs of the next step.
        pictures: to send.
        folder: where the files go.
        ensemble: whose steps are walked for the models' inputs.
    """

    def __init__(self, address: str, pictures: Sequence[Path], folder: Path, ensemble: str = "identify") -> None:
        self._address, self._pictures, self._folder, self._ensemble = address, pictures, folder, ensemble
        self._walked: dict[str, Rows] = {}

    def of(self, model: str) -> Path:
        """Return the file for a model or an ensemble.

        Raises:
            InvalidInput: the walked ensemble has no such step.
        """
        path = self._folder / f"{model}.json"
        if not path.exists():
            path.write_text(json.dumps({"data": self._rows(model)}))
        return path

    def _rows(self, model: str) -> Rows:
        if model == "catalogue":
            return [{"OPERATION": ["stats"]}]
        if model in ("identify", "embed", "detect", "decode"):
            return [_row({"IMAGE": np.fromfile(picture, np.uint8)}) for picture in self._pictures]
        if not self._walked:
            self._walked = self._walk()
        if model not in self._walked:
            raise InvalidInput(f"{self._ensemble} has no step '{model}' to take inputs from.")
        return self._walked[model]

    def _walk(self) -> dict[str, Rows]:
        """Call the ensemble's steps one after the other and keep the inputs of each."""
        rows: dict[str, Rows] = {}
        with triton.InferenceServerClient(self._address) as client:
            steps = client.get_model_config(self._ensemble).config.ensemble_scheduling.step
            batched = {
                step.model_name: client.get_model_config(step.model_name).config.max_batch_size > 0 for step in steps
            }
            for picture in self._pictures[:MOST_WALKED]:
                known: dict[str, npt.NDArray[Any]] = {"IMAGE": np.fromfile(picture, np.uint8)}
                for step in steps:
                    given = {name: known[tensor] for name, tensor in step.input_map.items()}
                    parts = _items(given) if batched[step.model_name] else [given]
                    rows.setdefault(step.model_name, []).extend(_row(part) for part in parts)
                    reply = client.infer(step.model_name, tensors(triton, given))
                    known |= {tensor: reply.as_numpy(name) for name, tensor in step.output_map.items()}
        return rows


def _items(given: Tensors) -> Iterable[Tensors]:
    """Return the items of a batch, each as a row of its own."""
    count = len(next(iter(given.values())))
    return [{name: value[place] for name, value in given.items()} for place in range(count)]


def _row(tensors: Tensors) -> dict[str, Any]:
    return {
        name: {"content": {"b64": base64.b64encode(value.tobytes()).decode()}, "shape": list(value.shape)}
        for name, value in tensors.items()
    }
