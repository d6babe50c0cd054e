"""gRPC calls before and while their messages are read, on a made-up Triton."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from tests.gateway.fakes import FakeTriton
from whatsit.gateway.access import Access, Caller
from whatsit.gateway.audit import AuditLog
from whatsit.gateway.grpc_admission import Messages, address_of
from whatsit.gateway.inference import Inference
from whatsit.gateway.keys import KeyFile, Role
from whatsit.gateway.problems import Problem
from whatsit.gateway.served_catalogues import ServedCatalogues
from whatsit.gateway.settings import Limits, Settings
from whatsit.gateway.triton_grpc import TritonService, start_grpc
from whatsit.gateway.upstream import Upstream
from whatsit.server.ports import bind_port

LIMITS = Limits(body_seconds=0.5)
REPLY = json.dumps({"model_version": "1", "outputs": []}).encode()
MODEL = json.dumps(
    {"name": "identify", "versions": ["1"], "platform": "ensemble", "inputs": [], "outputs": []}
).encode()


class Served:
    """The gateway's gRPC on a free port, in a thread of its own."""

    def __init__(self, triton: FakeTriton, work: Path, host: str = "127.0.0.1") -> None:
        self.key = KeyFile(work / "keys.json").add("shop", "search")
        with bind_port(host, 0, "gRPC") as probe:
            self.port: int = probe.getsockname()[1]
        self.place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._settings = Settings(
            catalogues={"default": work},
            model_repository=work,
            upstream=triton.url,
            host=host,
            keys=work / "keys.json",
            limits=LIMITS,
        )
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(120)

    async def _serve(self) -> None:
        access = Access(self._settings)
        upstream = Upstream(self._settings.upstream, {}, 1.0, 10.0, 8)
        await upstream.open()
        inference = Inference(ServedCatalogues(self._settings), upstream, access, AuditLog(None))
        server = await start_grpc(self._settings, TritonService(inference, access), self.port)
        self._ready.set()
        await self._end.wait()
        await server.stop(0)
        await upstream.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(120)

    def call(self, method: str, request: Any, key: str | None = None) -> Any:
        """Send one call."""
        with grpc.insecure_channel(self.place) as channel:
            metadata = (("authorization", f"Bearer {key}"),) if key else ()
            return getattr(GRPCInferenceServiceStub(channel), method)(request, metadata=metadata, timeout=120)


@pytest.fixture
def triton() -> Iterator[FakeTriton]:
    documents = {
        "/v2/models/identify": (200, MODEL),
        "/v2/models/absent": (400, b'{"error":"Request for unknown model: \'absent\' is not found"}'),
        "/v2/models/odd": (200, b'{"error":"Request for unknown model: \'odd\' is not found"}'),
    }
    with FakeTriton(lambda number: (200, REPLY), documents=documents) as fake:
        yield fake


@pytest.fixture
def served(triton: FakeTriton, tmp_path: Path) -> Iterator[Served]:
    made = Served(triton, tmp_path)
    yield made
    made.stop()


def code_of(work: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refusal:
        work()
    return refusal.value.code()


def infer(size: int = 3) -> Any:
    request = pb.ModelInferRequest(model_name="identify")
    request.inputs.add(name="IMAGE", datatype="UINT8", shape=[size])
    request.raw_input_contents.append(b"j" * size)
    return request


def test_a_key_opens_inference(served: Served, triton: FakeTriton) -> None:
    assert served.call("ModelInfer", infer(3 << 20), served.key).model_name == "identify"
    assert code_of(lambda: served.call("ModelInfer", infer())) is grpc.StatusCode.UNAUTHENTICATED
    assert code_of(lambda: served.call("ModelInfer", infer(), "wrong")) is grpc.StatusCode.UNAUTHENTICATED
    assert len(triton.seen) == 1


def test_health_needs_no_key_and_no_message(served: Served) -> None:
    assert served.call("ServerLive", pb.ServerLiveRequest()).live
    assert served.call("ServerReady", pb.ServerReadyRequest()).ready


def test_the_rest_is_closed(served: Served) -> None:
    closed = code_of(lambda: served.call("RepositoryIndex", pb.RepositoryIndexRequest(), served.key))
    assert closed is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("name", ["absent", "odd", "no-such-model", ""])
def test_metadata_of_an_absent_model_is_not_found(served: Served, name: str) -> None:
    request = pb.ModelMetadataRequest(name=name)
    assert code_of(lambda: served.call("ModelMetadata", request, served.key)) is grpc.StatusCode.NOT_FOUND
    assert served.call("ModelMetadata", pb.ModelMetadataRequest(name="identify"), served.key).name == "identify"


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def headers(key: str | None) -> bytes:
    given = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/inference.GRPCInferenceService/ModelInfer",
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
        **({"authorization": f"Bearer {key}"} if key else {}),
    }
    return b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in given.items()
    )


def begin_message(served: Served, key: str | None) -> bytes:
    """Send the beginning of a message, and return all that comes until a reply's headers."""
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 4, 1, headers(key))
        connection.sendall(start + frame(0, 0, 1, b"\0" + struct.pack(">I", 1 << 20) + b"\0" * 1000))
        got = b""
        while b"grpc-status" not in got:
            part = connection.recv(65536)
            assert part, got
            got += part
    return got


@pytest.mark.parametrize("keyed", [False, True])
def test_an_unfinished_message_is_refused(served: Served, keyed: bool) -> None:
    sentence = b"did not arrive within 0.5 seconds" if keyed else b"Send a key"
    got = begin_message(served, served.key if keyed else None)
    assert sentence in got or grpc_quoted(sentence) in got
    assert served.call("ModelInfer", infer(), served.key).model_name == "identify"


def grpc_quoted(sentence: bytes) -> bytes:
    return sentence.replace(b" ", b"%20")


def test_ipv6(triton: FakeTriton, tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    made = Served(triton, tmp_path, "::1")
    try:
        assert made.call("ModelInfer", infer(), made.key).model_name == "identify"
    finally:
        made.stop()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:4321", "127.0.0.1"),
        ("ipv6:%5B::1%5D:4321", "::1"),
        ("ipv6:[2001:db8::2]:4321", "2001:db8::2"),
        ("unix:", "unix:"),
    ],
)
def test_addresses(peer: str, address: str) -> None:
    assert address_of(peer) == address


class Slow:
    """A call whose message arrives when it is told to."""

    def __init__(self) -> None:
        self.begun, self.arrived = asyncio.Event(), asyncio.Event()

    async def read(self) -> Any:
        self.begun.set()
        await self.arrived.wait()
        return infer()


def test_more_messages_than_may_be_in_flight_are_refused() -> None:
    async def main() -> None:
        messages, caller, first = Messages(Limits(in_flight_per_caller=1)), Caller("", "a", Role.SEARCH, ""), Slow()

        async def answer(call: Slow) -> None:
            async with messages.read(caller, call):  # type: ignore[arg-type]  # made up
                pass

        task = asyncio.create_task(answer(first))
        await asyncio.wait_for(first.begun.wait(), 20)
        with pytest.raises(Problem, match="more requests than it can answer"):
            await answer(Slow())
        first.arrived.set()
        await task

    asyncio.run(main())


def test_few_messages_are_read_at_once_and_half_of_one_caller() -> None:
    async def main() -> None:
        messages = Messages(Limits(body_bytes=1 << 20, bodies_bytes=4 << 20, body_seconds=30.0))

        async def answer(call: Slow, who: str) -> None:
            async with messages.read(Caller("", who, Role.SEARCH, ""), call):  # type: ignore[arg-type]  # made up
                pass

        calls = [(Slow(), who) for who in ("a", "a", "a", "b", "c")]
        tasks = [asyncio.create_task(answer(*call)) for call in calls]
        await asyncio.wait_for(asyncio.gather(*(calls[number][0].begun.wait() for number in (0, 1, 3, 4))), 20)
        assert not calls[2][0].begun.is_set()
        for call, _ in calls:
            call.arrived.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
        assert calls[2][0].begun.is_set()

    asyncio.run(main())
