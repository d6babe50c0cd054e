"""Triton's gRPC protocol, answered from its HTTP endpoint.

Triton 2.51 crashes where gRPC calls are cancelled or pass their deadline (its issues #7368 and #8034). Behind this
service its own gRPC is closed, and a cancelled call is finished over HTTP.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.json_format import ParseDict, ParseError
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceServicer, add_GRPCInferenceServiceServicer_to_server
from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.gateway import metrics
from whatsit.gateway.access import Access, Caller
from whatsit.gateway.inference import Inference
from whatsit.gateway.inference_request import MODELS, InferenceRequest, Output, check_binary
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Settings
from whatsit.gateway.upstream import Reply

Value = TypeVar("Value")

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class TritonService(GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Inference, metadata and readiness of Triton's gRPC protocol.

    Args:
        inference: sends requests.
        access: admits callers.
    """

    def __init__(self, inference: Inference, access: Access) -> None:
        self._inference, self._access = inference, access

    async def ModelInfer(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802  # gRPC's
        """Infer with a model."""

        async def work(caller: Caller) -> Any:
            reply = await self._inference.infer(caller, read_request(request), secrets.token_hex(16))
            return write_response(_good(reply), request.model_name)

        return await self._answer(context, "infer", work)

    async def ServerLive(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return whether the server runs."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return whether every model is ready."""
        return pb.ServerReadyResponse(ready=await self._inference.upstream.is_ready())

    async def ModelReady(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return whether a model is ready."""

        async def work(caller: Caller) -> Any:
            reply = await self._inference.upstream.get(f"/v2/models/{_name(request.name)}/ready")
            return pb.ModelReadyResponse(ready=reply.status == 200)

        return await self._answer(context, "ready", work)

    async def ServerMetadata(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Describe the server."""
        return await self._read(context, "/v2", pb.ServerMetadataResponse())

    async def ModelMetadata(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Describe a model."""
        return await self._read(context, f"/v2/models/{_name(request.name)}", pb.ModelMetadataResponse())

    async def ModelConfig(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return a model's configuration."""
        path = f"/v2/models/{_name(request.name)}/config"
        return await self._read(context, path, pb.ModelConfigResponse(), lambda found: {"config": found})

    async def ModelStatistics(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        """Return a model's counters."""
        path = f"/v2/models/{_name(request.name)}/stats" if request.name else "/v2/models/stats"
        return await self._read(context, path, pb.ModelStatisticsResponse())

    async def _read(
        self,
        context: grpc.aio.ServicerContext[Any, Any],
        path: str,
        response: Any,
        shape: Callable[[Any], Any] = lambda found: found,
    ) -> Any:
        async def work(caller: Caller) -> Any:
            reply = _good(await self._inference.upstream.get(path))
            try:
                return ParseDict(shape(json.loads(reply.body)), response, ignore_unknown_fields=True)
            except ParseError as error:
                raise Problem(500, f"Triton's reply was not understood ({error}).") from error

        return await self._answer(context, path.rsplit("/", 1)[-1], work)

    async def _answer(
        self,
        context: grpc.aio.ServicerContext[Any, Any],
        route: str,
        work: Callable[[Caller], Awaitable[Value]],
    ) -> Value:
        status = 500
        try:
            metadata = {str(name): value for name, value in context.invocation_metadata() or ()}
            given = metadata.get("authorization") or metadata.get("x-api-key")
            caller = self._access.admit(None if given is None else str(given), _address(context.peer()))
            answer = await work(caller)
            status = 200
            return answer
        except Problem as problem:
            status = problem.status
            await context.abort(_CODES.get(status, grpc.StatusCode.INTERNAL), problem.detail)
        except WhatsitError as error:
            status = Problem.of(error).status
            await context.abort(_CODES.get(status, grpc.StatusCode.INTERNAL), str(error))
        finally:
            kind = route if route in ("infer", "ready", "config", "stats") else "metadata"
            metrics.REQUESTS.labels("grpc", kind, str(status)).inc()
        raise AssertionError  # abort raises


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
    """Start the gRPC server on the gateway's host and return it."""
    limit = settings.limits.body_bytes + (1 << 16)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", 128),
            ("grpc.max_metadata_size", settings.limits.header_bytes),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
            ("grpc.server_handshake_timeout_ms", int(1000 * settings.limits.header_seconds)),
        ],
        maximum_concurrent_rpcs=16 * settings.limits.in_flight,
    )
    add_GRPCInferenceServiceServicer_to_server(service, server)
    place = f"{settings.host}:{port}"
    if settings.tls_cert and settings.tls_key:
        pair = (Path(settings.tls_key).read_bytes(), Path(settings.tls_cert).read_bytes())
        server.add_secure_port(place, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(place)
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


def _name(name: str) -> str:
    if not name.isidentifier() or len(name) > 40:
        return "unknown"
    return name


def _address(peer: str) -> str:
    """Return the IP address in gRPC's peer, such as ipv4:127.0.0.1:1234."""
    kind, _, rest = peer.partition(":")
    return rest.rsplit(":", 1)[0] if kind in ("ipv4", "ipv6") else peer
