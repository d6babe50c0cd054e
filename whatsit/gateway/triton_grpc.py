"""Triton's gRPC protocol, answered from its HTTP endpoint.

Triton 2.51 crashes where gRPC calls are cancelled or pass their deadline (its issues #7368 and #8034). Behind this
service its own gRPC is closed, and a cancelled call is finished over HTTP.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.json_format import ParseDict, ParseError
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.gateway.access import Access
from whatsit.gateway.grpc_admission import CALLER, Admission
from whatsit.gateway.inference import Inference
from whatsit.gateway.inference_request import MODELS, InferenceRequest, Output, check_binary
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Settings
from whatsit.gateway.upstream import Reply

_WINDOW_BYTES = 1 << 19  # of a message before it is read; most pictures are sent without waiting for more
_IDLE_SECONDS = 60.0  # a connection without calls is closed after this time; clients connect again by themselves
_AGE_SECONDS = 600.0  # any connection is, its running calls finished


class TritonService(GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Inference, metadata and readiness of Triton's gRPC protocol.

    Args:
        inference: sends requests.
        access: admits callers, before a method is reached.
    """

    def __init__(self, inference: Inference, access: Access) -> None:
        self._inference, self.access = inference, access

    async def ModelInfer(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802  # gRPC's
        """Infer with a model."""
        reply = await self._inference.infer(CALLER.get(), read_request(request), secrets.token_hex(16))
        return write_response(_good(reply), request.model_name)

    async def ServerLive(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return whether the server runs."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return whether every model is ready."""
        return pb.ServerReadyResponse(ready=await self._inference.upstream.is_ready())

    async def ModelReady(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return whether a model is ready."""
        if not _is_name(request.name):
            return pb.ModelReadyResponse(ready=False)
        reply = await self._inference.upstream.get(f"/v2/models/{request.name}/ready")
        return pb.ModelReadyResponse(ready=reply.status == 200)

    async def ServerMetadata(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Describe the server."""
        return _parse(await self._read("/v2"), pb.ServerMetadataResponse())

    async def ModelMetadata(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Describe a model."""
        return _parse(await self._read_model(request.name), pb.ModelMetadataResponse())

    async def ModelConfig(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return a model's configuration."""
        return _parse({"config": await self._read_model(request.name, "/config")}, pb.ModelConfigResponse())

    async def ModelStatistics(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return a model's counters."""
        found = await (self._read_model(request.name, "/stats") if request.name else self._read("/v2/models/stats"))
        return _parse(found, pb.ModelStatisticsResponse())

    async def _read_model(self, name: str, resource: str = "") -> Any:
        if not _is_name(name):
            raise Problem(404, f"There is no model '{name[:60]}'.")
        found = await self._read(f"/v2/models/{name}{resource}", f"There is no model '{name}'.")
        if "error" in found:  # Triton's status is 200 for some of these
            raise Problem(404, f"There is no model '{name}' ({found['error']}).")
        return found

    async def _read(self, path: str, absent: str = "") -> Any:
        reply = await self._inference.upstream.get(path)
        if absent and reply.status in (400, 404):
            raise Problem(404, f"{absent[:-1]} ({reply.error}).")
        try:
            return json.loads(_good(reply).body)
        except ValueError as error:
            raise Problem(500, f"Triton's reply was not understood ({error}).") from error


def read_request(request: Any) -> InferenceRequest:
    """Return the checked form of a ModelInferRequest.

    Raises:
        InvalidInput: it is no request to one of the served models.
    """
    known = MODELS.get(request.model_name, {})
    inputs: dict[str, bytes] = {}
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise InvalidInput(f"{len(raw)} raw contents were sent for {len(request.inputs)} inputs.")
    for position, tensor in enumerate(request.inputs):
        datatype = known.get(tensor.name, tensor.datatype)
        if tensor.name in inputs:
            raise InvalidInput(f"The input {tensor.name[:60]} is given twice.")
        if tensor.datatype != datatype:
            raise InvalidInput(f"The input {tensor.name[:60]} has the datatype {datatype}, not {tensor.datatype[:20]}.")
        if len(tensor.shape) != 1:
            raise InvalidInput(f"The input {tensor.name[:60]} has one dimension: give its length as the shape.")
        if tensor.parameters:
            raise InvalidInput(f"The input {tensor.name[:60]} cannot be given by parameters: send its values.")
        inputs[tensor.name] = _content(tensor, raw[position] if raw else None)
    outputs = []
    for output in request.outputs:
        if set(output.parameters) - {"binary_data"}:
            raise InvalidInput(f"The output {output.name[:60]} cannot be asked for with parameters.")
        outputs.append(Output(output.name))
    parameters = {
        name: getattr(value, value.WhichOneof("parameter_choice") or "string_param")
        for name, value in request.parameters.items()
        if not name.startswith("triton_")  # of streams; perf_analyzer sends one with every call
    }
    return InferenceRequest(
        request.model_name, inputs, parameters, tuple(outputs), request.id, version=request.model_version
    )


def write_response(reply: Reply, model: str) -> Any:
    """Return a reply of Triton's HTTP protocol as a ModelInferResponse."""
    header, outputs = reply.outputs()
    response = pb.ModelInferResponse(
        model_name=model, model_version=str(header.get("model_version", "")), id=header.get("id", "")
    )
    for output, data in outputs:
        response.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        response.raw_output_contents.append(data)
    return response


async def start_grpc(settings: Settings, service: TritonService, port: int) -> grpc.aio.Server:
    """Start the gRPC server on the gateway's host and return it.

    Raises:
        Unavailable: the port cannot be used.
    """
    limits = settings.limits
    server = grpc.aio.server(
        interceptors=[Admission(service.access, limits)],
        options=[
            ("grpc.max_receive_message_length", limits.body_bytes + (1 << 16)),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", 32),
            ("grpc.max_connection_idle_ms", int(1000 * _IDLE_SECONDS)),
            ("grpc.max_connection_age_ms", int(1000 * _AGE_SECONDS)),
            ("grpc.max_connection_age_grace_ms", int(1000 * (limits.body_seconds + limits.request_seconds))),
            ("grpc.http2.bdp_probe", 0),  # windows that grow would let streams that are not read hold megabytes
            ("grpc.http2.lookahead_bytes", _WINDOW_BYTES),
            ("grpc.max_metadata_size", limits.header_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
            ("grpc.server_handshake_timeout_ms", int(1000 * limits.header_seconds)),
        ],
        maximum_concurrent_rpcs=16 * limits.in_flight,
    )
    add_GRPCInferenceServiceServicer_to_server(service, server)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    place = f"{host}:{port}"
    try:
        if settings.tls_cert and settings.tls_key:
            pair = (Path(settings.tls_key).read_bytes(), Path(settings.tls_cert).read_bytes())
            server.add_secure_port(place, grpc.ssl_server_credentials([pair]))
        else:
            server.add_insecure_port(place)
    except RuntimeError as error:
        raise Unavailable(f"The gRPC port {place} cannot be used: stop what uses it or choose another.") from error
    await server.start()
    return server


def _content(tensor: Any, raw: bytes | None) -> bytes:
    length = int(tensor.shape[0])
    if raw is not None:
        return check_binary(tensor.name[:60], tensor.datatype, length, raw)
    contents = tensor.contents
    values = contents.bytes_contents if tensor.datatype == "BYTES" else contents.uint_contents
    if len(values) != length or (tensor.datatype == "BYTES" and length != 1):
        raise InvalidInput(f"The input {tensor.name[:60]} has the shape [{length}] and {len(values)} values.")
    if tensor.datatype == "BYTES":
        return bytes(values[0])
    try:
        return bytes(values)
    except ValueError as error:
        raise InvalidInput(f"The values of {tensor.name[:60]} are whole numbers within 0..255.") from error


def _good(reply: Reply) -> Reply:
    if reply.status != 200:
        raise Problem(reply.status, reply.error)
    return reply


def _parse(found: Any, response: Any) -> Any:
    try:
        return ParseDict(found, response, ignore_unknown_fields=True)
    except ParseError as error:
        raise Problem(500, f"Triton's reply was not understood ({error}).") from error


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and len(name) <= 40
