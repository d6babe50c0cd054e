"""Python-based Triton backend `tensorrt`, for Tritons without the native one.

It serves model.plan and reads the same config as the native one: `instance_group` (KIND_GPU), `dynamic_batching`, and
`optimization { cuda { graphs } }`, for which it captures a batch of 1, the preferred sizes and the largest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils
from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.engines.dlpack import DeviceTensor
from whatsit.engines.plan_runner import PlanRunner


class TritonPythonModel:
    """One instance of a network on one GPU; a dynamic batch runs as one."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load `<model>/<version>/model.plan` and compare it with the config."""
        config = json.loads(args["model_config"])
        path = Path(pb_utils.get_model_dir()) / (config.get("default_model_filename") or "model.plan")
        device = int(args["model_instance_device_id"]) if args["model_instance_kind"] == "GPU" else 0
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._on_device = config.get("parameters", {}).get("gpu_outputs", {}).get("string_value") == "yes"
        try:
            self._runner = PlanRunner(path, device=device, graphs=_graphs(config))
        except WhatsitError as error:
            raise pb_utils.TritonModelException(str(error)) from error
        most = max(config["max_batch_size"], 1)
        takes, gives = self._runner.inputs, self._runner.outputs
        known = set(self._inputs) == {spec.name for spec in takes} and set(self._outputs) <= {s.name for s in gives}
        if not known or most > self._runner.max_batch:
            raise pb_utils.TritonModelException(
                f"{path} takes {', '.join(map(str, takes))}, gives {', '.join(map(str, gives))} and runs batches up to "
                f"{self._runner.max_batch}, not what the config of {config['name']} declares (batches up to {most}): "
                "build it again."
            )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Join the requests along the batch, run once, split the answer."""
        try:
            parts = self._runner.run_parts([self._feeds(request) for request in requests], self._on_device)
        except WhatsitError as error:
            code = (
                pb_utils.TritonError.INVALID_ARG if isinstance(error, InvalidInput) else pb_utils.TritonError.INTERNAL
            )
            return [pb_utils.InferenceResponse([], pb_utils.TritonError(str(error), code)) for _ in requests]
        wrap = pb_utils.Tensor.from_dlpack if self._on_device else pb_utils.Tensor
        return [pb_utils.InferenceResponse([wrap(name, part[name]) for name in self._outputs]) for part in parts]

    def finalize(self) -> None:
        """Free the network."""
        self._runner.close()

    def _feeds(self, request: Any) -> dict[str, Any]:
        """Return a request's tensors: NumPy arrays on the CPU, DLPack tensors on the GPU."""
        tensors = {name: pb_utils.get_input_tensor_by_name(request, name) for name in self._inputs}
        return {
            name: tensor.as_numpy() if tensor.is_cpu() else DeviceTensor.from_capsule(tensor.to_dlpack())
            for name, tensor in tensors.items()
        }


def _graphs(config: Mapping[str, Any]) -> set[int]:
    """Return the batch sizes that are captured as CUDA graphs."""
    if not config.get("optimization", {}).get("cuda", {}).get("graphs"):
        return set()
    preferred = config.get("dynamic_batching", {}).get("preferred_batch_size", [])
    return {1, *map(int, preferred), max(int(config["max_batch_size"]), 1)}
