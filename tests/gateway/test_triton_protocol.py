"""Triton's own clients through the gateway with one header: what direct Triton answers, bit for bit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as over_grpc_aio
import tritonclient.http as over_http
import tritonclient.http.aio as over_http_aio
from tritonclient.utils import InferenceServerException

from tests.gateway.conftest import Running

pytestmark = pytest.mark.triton
Arrays = dict[str, npt.NDArray[Any]]


def tensor(kind: Any, picture: bytes) -> Any:
    one = kind("IMAGE", [len(picture)], "UINT8")
    one.set_data_from_numpy(np.frombuffer(picture, np.uint8))
    return one


def arrays(result: Any, names: list[str]) -> Arrays:
    return {name: result.as_numpy(name) for name in names}


def names_of(result: Any) -> list[str]:
    response = result.get_response()
    found = response["outputs"] if isinstance(response, dict) else response.outputs
    return [one["name"] if isinstance(one, dict) else one.name for one in found]


def direct(gateway: Running, model: str) -> Arrays:
    with over_http.InferenceServerClient(gateway.target.triton_http) as client:
        inputs = [tensor(over_http.InferInput, gateway.target.picture)]
        result = client.infer(model, inputs, headers=gateway.server.restricted_headers)
        return arrays(result, names_of(result))


def key(gateway: Running, name: str = "search") -> dict[str, str]:
    return {"authorization": f"Bearer {gateway.target.keys[name]}"}


def by_http(gateway: Running, model: str) -> Arrays:
    with over_http.InferenceServerClient(f"{gateway.target.host}:{gateway.target.port}") as client:
        result = client.infer(model, [tensor(over_http.InferInput, gateway.target.picture)], headers=key(gateway))
        return arrays(result, names_of(result))


def by_http_json(gateway: Running, model: str) -> Arrays:
    """Values as JSON both ways."""
    with over_http.InferenceServerClient(f"{gateway.target.host}:{gateway.target.port}") as client:
        one = over_http.InferInput("IMAGE", [len(gateway.target.picture)], "UINT8")
        one.set_data_from_numpy(np.frombuffer(gateway.target.picture, np.uint8), binary_data=False)
        wanted = [over_http.InferRequestedOutput(name, binary_data=False) for name in direct(gateway, model)]
        result = client.infer(model, [one], outputs=wanted, headers=key(gateway))
        return arrays(result, names_of(result))


def by_http_compressed(gateway: Running, model: str) -> Arrays:
    with over_http.InferenceServerClient(f"{gateway.target.host}:{gateway.target.port}") as client:
        inputs = [tensor(over_http.InferInput, gateway.target.picture)]
        result = client.infer(model, inputs, headers=key(gateway), request_compression_algorithm="gzip")
        return arrays(result, names_of(result))


def by_http_aio(gateway: Running, model: str) -> Arrays:
    async def call() -> Arrays:
        async with over_http_aio.InferenceServerClient(f"{gateway.target.host}:{gateway.target.port}") as client:
            inputs = [tensor(over_http_aio.InferInput, gateway.target.picture)]
            result = await client.infer(model, inputs, headers=key(gateway))
            return arrays(result, names_of(result))

    return asyncio.run(call())


def by_grpc(gateway: Running, model: str) -> Arrays:
    with over_grpc.InferenceServerClient(gateway.target.grpc_url) as client:
        result = client.infer(model, [tensor(over_grpc.InferInput, gateway.target.picture)], headers=key(gateway))
        return arrays(result, names_of(result))


def by_grpc_aio(gateway: Running, model: str) -> Arrays:
    async def call() -> Arrays:
        async with over_grpc_aio.InferenceServerClient(gateway.target.grpc_url) as client:
            inputs = [tensor(over_grpc_aio.InferInput, gateway.target.picture)]
            result = await client.infer(model, inputs, headers=key(gateway))
            return arrays(result, names_of(result))

    return asyncio.run(call())


WAYS = (by_http, by_http_compressed, by_http_aio, by_grpc, by_grpc_aio)


@pytest.mark.parametrize("model", ["identify", "embed", "detect"])
@pytest.mark.parametrize("way", WAYS)
def test_the_same_bits(gateway: Running, way: Callable[[Running, str], Arrays], model: str) -> None:
    expected, got = direct(gateway, model), way(gateway, model)
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        assert got[name].tobytes() == array.tobytes() if array.dtype != object else (got[name] == array).all()


def test_the_same_values_as_json(gateway: Running) -> None:
    expected, got = direct(gateway, "embed"), by_http_json(gateway, "embed")
    for name, array in expected.items():
        if array.dtype != object:
            np.testing.assert_array_equal(got[name], array)


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, gateway: Running) -> Any:
    if request.param == "http":
        made = over_http.InferenceServerClient(f"{gateway.target.host}:{gateway.target.port}")
    else:
        made = over_grpc.InferenceServerClient(gateway.target.grpc_url)
    yield made
    made.close()


def as_dict(client: Any, reply: Any) -> Any:
    from google.protobuf.json_format import MessageToDict

    return reply if isinstance(reply, dict) else MessageToDict(reply, preserving_proto_field_name=True)


def test_readiness_and_metadata(client: Any, gateway: Running) -> None:
    headers = key(gateway)
    assert client.is_server_live(headers=headers)
    assert client.is_server_ready(headers=headers)
    assert client.is_model_ready("identify", headers=headers)
    assert not client.is_model_ready("absent", headers=headers)
    assert as_dict(client, client.get_server_metadata(headers=headers))["name"] == "triton"
    metadata = as_dict(client, client.get_model_metadata("identify", headers=headers))
    assert [(one["name"], one["datatype"]) for one in metadata["inputs"]] == [("IMAGE", "UINT8")]
    config = as_dict(client, client.get_model_config("identify", headers=headers))
    config = config.get("config", config)
    assert (config["name"], config["input"][0]["data_type"]) == ("identify", "TYPE_UINT8")
    counters = as_dict(client, client.get_inference_statistics("identify", headers=headers))
    assert counters["model_stats"][0]["name"] == "identify"


def test_administration_is_closed(client: Any, gateway: Running) -> None:
    headers = key(gateway, "admin")
    for call in (
        lambda: client.unload_model("identify", headers=headers),
        lambda: client.get_model_repository_index(headers=headers),
        lambda: client.get_system_shared_memory_status(headers=headers),
        lambda: client.update_trace_settings(settings={"trace_level": ["OFF"]}, headers=headers),
        lambda: client.update_log_settings(settings={"log_verbose_level": 9}, headers=headers),
    ):
        with pytest.raises(InferenceServerException):
            call()
    assert client.is_model_ready("identify", headers=headers)


@pytest.mark.parametrize(
    ("name", "status"),
    [("revoked", {"401", "StatusCode.UNAUTHENTICATED"}), ("other", {"403", "StatusCode.PERMISSION_DENIED"})],
)
def test_refusals_have_the_protocols_status(client: Any, gateway: Running, name: str, status: set[str]) -> None:
    kind = over_http.InferInput if "http" in type(client).__module__ else over_grpc.InferInput
    with pytest.raises(InferenceServerException) as refusal:
        client.infer("identify", [tensor(kind, gateway.target.picture)], headers=key(gateway, name))
    assert str(refusal.value.status()) in status


@pytest.mark.parametrize("version", ["1", "2"])
def test_versions(client: Any, gateway: Running, version: str) -> None:
    kind = over_http.InferInput if "http" in type(client).__module__ else over_grpc.InferInput
    inputs = [tensor(kind, gateway.target.picture)]
    if version == "1":
        client.infer("detect", inputs, model_version=version, headers=key(gateway))
        return
    with pytest.raises(InferenceServerException, match="version"):
        client.infer("detect", inputs, model_version=version, headers=key(gateway))


def test_metadata_of_an_absent_model_is_not_found_over_grpc(gateway: Running) -> None:
    with over_grpc.InferenceServerClient(gateway.target.grpc_url) as client:
        for call in (client.get_model_metadata, client.get_model_config, client.get_inference_statistics):
            with pytest.raises(InferenceServerException) as refusal:
                call("absent", headers=key(gateway))
            assert str(refusal.value.status()) == "StatusCode.NOT_FOUND"


def test_a_stream_is_unimplemented(gateway: Running) -> None:
    from tritonclient.grpc import service_pb2 as pb
    from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

    with grpc.insecure_channel(gateway.target.grpc_url) as channel:
        stub, metadata = GRPCInferenceServiceStub(channel), tuple(key(gateway).items())
        with pytest.raises(grpc.RpcError) as refusal:
            list(stub.ModelStreamInfer(iter([pb.ModelInferRequest()]), metadata=metadata))
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_calls_that_are_cancelled_or_late_leave_triton_as_it_was(gateway: Running) -> None:
    from perf.gateway.hang_ups import cancel_grpc, hang_up_http

    pid, secret = gateway.server.pid, gateway.target.keys["search"]
    ends = asyncio.run(cancel_grpc(gateway.target, 60, secret))
    assert ends["other"] == 0
    assert ends["cancelled"] + ends["deadline"] > 0
    assert hang_up_http(gateway.target, 30, secret) == 30
    assert gateway.server.pid == pid
    assert answers_once_drained(gateway, "detect") == set(direct(gateway, "detect"))


def answers_once_drained(gateway: Running, model: str, tries: int = 5) -> set[str]:
    """Return the names of a call's outputs; calls before it may still fill the queue of a slow machine."""
    for _ in range(tries - 1):
        with contextlib.suppress(InferenceServerException):
            return set(by_grpc(gateway, model))
    return set(by_grpc(gateway, model))
