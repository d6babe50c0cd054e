"""Many slow connections from one address, beside honest callers from another.

Usage: python -m perf.gateway.slow_connections CATALOGUE SCENES [--count 500] [--seconds 60]
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from perf.gateway.hang_ups import Honest
from perf.gateway.target import Target, target_on

_ADDRESS = "127.0.0.2"  # Linux: all of 127/8 is this machine


class Slow:
    """Callers that send a byte a second: half of them of a header, half of a body."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.opened = self.closed = self.refused = 0

    async def run(self, count: int, seconds: float) -> None:
        """Keep so many connections open for so long."""
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._caller(number, end) for number in range(count)))

    async def _caller(self, number: int, end: float) -> None:
        target = self._target
        head = b"POST /v1/identify HTTP/1.1\r\nHost: %b:%d\r\n" % (target.host.encode(), target.port)
        key = f"Authorization: Bearer {target.keys['search']}\r\nContent-Length: 100000\r\n\r\n".encode()
        while time.monotonic() < end:
            try:
                reader, writer = await asyncio.open_connection(target.host, target.port, local_addr=(_ADDRESS, 0))
            except OSError:
                self.refused += 1
                await asyncio.sleep(1.0)
                continue
            self.opened += 1
            writer.write(head + key if number % 2 else head)
            while time.monotonic() < end and not reader.at_eof() and not writer.is_closing():
                writer.write(b"x")
                with contextlib.suppress(OSError, asyncio.TimeoutError):
                    if await asyncio.wait_for(reader.read(4096), 1.0):
                        self.closed += 1
                        break
            writer.close()


def main(
    catalogue: Annotated[Path, typer.Argument(help="A published catalogue, such as demo/catalogue.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes, such as demo/scenes.")],
    count: Annotated[int, typer.Option(min=1, help="Slow connections at once.")] = 500,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60.0,
) -> None:
    """Hold slow connections beside honest callers; exit 1 where one of those fails."""
    picture = min(scenes.glob("*.jpg")).read_bytes()
    with tempfile.TemporaryDirectory() as work, target_on(catalogue, picture, Path(work)) as (target, server):
        pid, slow, honest = server.pid, Slow(target), Honest(target, target.keys["admin"])
        asyncio.run(slow.run(count, seconds))
        honest.stop()
        same = server.pid == pid
    Console().print(
        f"{count} slow connections for {seconds:.0f} s: {slow.opened} opened, {slow.closed} ended by the gateway, "
        f"{slow.refused} refused. Honest callers: {honest.done} answers, {len(honest.failures)} failures, slowest "
        f"{honest.slowest:.1f} s. Triton {'is the same process' if same else 'WAS RESTARTED'}."
    )
    raise typer.Exit(int(not same or bool(honest.failures)))


if __name__ == "__main__":
    typer.run(main)
