"""Callers that cancel, run past their deadline or hang up, beside honest ones.

Usage: python -m perf.gateway.hang_ups CATALOGUE SCENES [--count 2000]
"""

from __future__ import annotations

import asyncio
import random
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from whatsit_client import Client
from whatsit_client.errors import WhatsitError

from perf.gateway.target import Target, target_on

_CALLERS = 8  # of each kind that misbehaves
_LONGEST = 0.15  # seconds before they leave


class Honest:
    """Four callers, two of HTTP and two of gRPC, until they are stopped."""

    def __init__(self, target: Target, key: str) -> None:
        self.done, self.slowest = 0, 0.0
        self.failures: list[str] = []
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(4)
        urls = [f"http://{target.host}:{target.port}", f"grpc://{target.grpc_url}"] * 2
        self._runs = [self._pool.submit(self._run, url, key, target.picture) for url in urls]

    def stop(self) -> None:
        """Let every caller end its call."""
        self._stopped.set()
        for run in self._runs:
            run.result()

    def _run(self, url: str, key: str, picture: bytes) -> None:
        with Client(url, key=key, timeout=120) as client:
            while not self._stopped.is_set():
                begin = time.perf_counter()
                try:
                    client.identify(picture)
                    self.done += 1
                except WhatsitError as error:
                    self.failures.append(str(error))
                self.slowest = max(self.slowest, time.perf_counter() - begin)


async def cancel_grpc(target: Target, count: int, key: str) -> dict[str, int]:
    """Make gRPC calls that are cancelled or pass their deadline."""
    import grpc
    from tritonclient.grpc import service_pb2 as pb
    from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

    request = pb.ModelInferRequest(model_name="identify")
    request.inputs.add(name="IMAGE", datatype="UINT8", shape=[len(target.picture)])
    request.raw_input_contents.append(target.picture)
    metadata = (("authorization", f"Bearer {key}"),)
    ends = {"answered": 0, "deadline": 0, "cancelled": 0, "other": 0}
    async with grpc.aio.insecure_channel(target.grpc_url) as channel:
        stub = GRPCInferenceServiceStub(channel)

        async def one(number: int) -> None:
            seconds = random.uniform(0.0, _LONGEST)
            cancels = number % 2 == 0
            call: Any = stub.ModelInfer(request, metadata=metadata, timeout=None if cancels else seconds)
            if cancels:
                asyncio.get_running_loop().call_later(seconds, call.cancel)
            try:
                await call
                ends["answered"] += 1
            except asyncio.CancelledError:
                ends["cancelled"] += 1
            except grpc.aio.AioRpcError as error:
                ends["deadline" if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else "other"] += 1

        numbers = iter(range(count))

        async def caller() -> None:
            for number in numbers:
                await one(number)

        await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    return ends


def hang_up_http(target: Target, count: int, key: str) -> int:
    """Make HTTP requests and close each connection at a random moment; return how many were made."""
    head = (
        f"POST /v1/identify HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {len(target.picture)}\r\n\r\n"
    ).encode()
    data = head + target.picture

    def one(number: int) -> int:
        with socket.create_connection((target.host, target.port), 10) as connection:
            cut = random.randrange(len(data)) if number % 3 == 0 else len(data)  # a third amid the body
            connection.sendall(data[:cut])
            time.sleep(random.uniform(0.0, _LONGEST))
        return 1

    with ThreadPoolExecutor(_CALLERS) as pool:
        return sum(pool.map(one, range(count)))


def main(
    catalogue: Annotated[Path, typer.Argument(help="A published catalogue, such as demo/catalogue.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes, such as demo/scenes.")],
    count: Annotated[int, typer.Option(min=1, help="Calls of each protocol.")] = 2000,
) -> None:
    """Cancel, time out and hang up, beside honest callers; exit 1 where one of those fails."""
    picture = min(scenes.glob("*.jpg")).read_bytes()
    with tempfile.TemporaryDirectory() as work, target_on(catalogue, picture, Path(work)) as (target, server):
        pid, begin = server.pid, time.monotonic()
        honest = Honest(target, target.keys["admin"])
        with ThreadPoolExecutor(2) as pool:
            grpc_ends = pool.submit(lambda: asyncio.run(cancel_grpc(target, count, target.keys["search"])))
            http_ends = pool.submit(hang_up_http, target, count, target.keys["search"])
            ends, hung_up = grpc_ends.result(), http_ends.result()
        honest.stop()
        seconds = time.monotonic() - begin
        same = server.pid == pid
    Console().print(
        f"{count} gRPC calls: {ends}; {hung_up} HTTP callers hung up; {seconds:.0f} s. Honest callers: {honest.done} "
        f"answers, {len(honest.failures)} failures, slowest {honest.slowest:.1f} s. Triton "
        f"{'is the same process' if same else 'WAS RESTARTED'}."
    )
    for failure in np.unique(honest.failures):
        print(failure)
    raise typer.Exit(int(not same or bool(honest.failures)))


if __name__ == "__main__":
    typer.run(main)
