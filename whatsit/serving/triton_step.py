"""Adapter between Triton's Python backend and the steps."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy.typing as npt
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from whatsit.serving.admission import Admission
from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.request_options import Options

Tensors = Mapping[str, npt.NDArray[Any]]
Outputs = dict[str, npt.NDArray[Any]]


# Called once per request, from one thread: computes the outputs named in the last argument (more is allowed).
Implementation = Callable[[Tensors, Options, frozenset[str]], Outputs]


class Step:
    """Base of the `TritonPythonModel` of each step; a subclass names what to call.

    Example:
        >>> class TritonPythonModel(Step):  # doctest: +SKIP
        ...     build = Decode
    """

    build: ClassVar[Callable[[Mapping[str, str]], Implementation]]

    def initialize(self, args: Mapping[str, str]) -> None:
        """Build the step from the model's parameters; Triton calls this per instance."""
        import triton_python_backend_utils as pb_utils

        limit_threads()
        self._pb = pb_utils
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        parameters["model_directory"] = args["model_repository"]
        parameters["instance"] = args["model_instance_name"]
        self._names = [tensor["name"] for tensor in config["input"]]
        self._model = args["model_name"].partition("-")[0]  # a further embedder's models end in its fingerprint
        metrics.start(pb_utils, self._model, args["model_instance_name"])
        self._admission = Admission(self._model, args["model_instance_name"], parameters)
        try:
            self._step = type(self).build(parameters)
        except WhatsitError as error:
            raise pb_utils.TritonModelException(str(error)) from error

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer each request on its own: a bad picture fails one request alone."""
        return [self._answer(request) for request in requests]

    def finalize(self) -> None:
        """Triton calls this once, before the instance ends."""
        metrics.stop()

    def _answer(self, request: Any) -> Any:
        """Answer one request, counted among those in flight."""
        self._admission.enter()
        failed, wanted = True, frozenset(request.requested_output_names())
        try:
            response = self._computed(request, wanted)
            failed = response.has_error()
            return response
        finally:
            self._admission.leave(wanted, failed)

    def _computed(self, request: Any, wanted: frozenset[str]) -> Any:
        pb = self._pb
        try:
            tensors = {name: pb.get_input_tensor_by_name(request, name) for name in self._names}
            inputs = {name: tensor.as_numpy() for name, tensor in tensors.items() if tensor is not None}
            with metrics.STAGE_SECONDS.timed(self._model):
                outputs = self._step(inputs, Options.from_json(request.parameters()), wanted)
        except InvalidInput as error:
            metrics.REFUSED.add(self._model, error.reason)
            return pb.InferenceResponse([], pb.TritonError(str(error), pb.TritonError.INVALID_ARG))
        except Unavailable as error:
            metrics.FAILED.add(self._model, "unavailable")
            return pb.InferenceResponse([], pb.TritonError(str(error), pb.TritonError.UNAVAILABLE))
        except Exception as error:
            metrics.FAILED.add(self._model, "internal")
            pb.Logger.log_error(traceback.format_exc())
            sentence = f"The server failed on this picture ({type(error).__name__}); its log says more."
            return pb.InferenceResponse([], pb.TritonError(sentence, pb.TritonError.INTERNAL))
        return pb.InferenceResponse([pb.Tensor(name, value) for name, value in outputs.items() if name in wanted])


def limit_threads() -> None:
    """Limit OpenCV and OpenMP to one thread: Triton's instances are the parallelism."""
    import cv2
    import faiss

    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
