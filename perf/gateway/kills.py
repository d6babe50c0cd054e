"""Processes that are killed under load, and what callers see.

Usage: python -m perf.gateway.kills CATALOGUE SCENES [--kills 50]
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table
from whatsit_client import Client
from whatsit_client.errors import WhatsitError

from perf.load.outcomes import percentile
from whatsit.server.step_processes import step_processes

_START = 180.0  # seconds until a server is ready, on a busy machine
_PAUSE = 2.0  # of undisturbed load after every kill


@dataclass
class Running:
    """A `whatsit serve` in a process of its own.

    Args:
        process: the launcher.
        url: of the gateway's HTTP.
        grpc_url: of its gRPC.
    """

    process: psutil.Process
    url: str
    grpc_url: str

    def triton(self) -> psutil.Process:
        """Return the process of Triton."""
        return self._child("tritonserver")

    def gateway(self) -> psutil.Process:
        """Return the process of the gateway."""
        return self._child("whatsit.gateway")

    def wait_ready(self) -> None:
        """Wait until every model is ready."""
        end = time.monotonic() + _START
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                    return
            except (urllib.error.URLError, OSError):  # noqa: PERF203  # it waits anyway
                time.sleep(0.2)
        raise RuntimeError("The server was not ready in time.")

    def _child(self, name: str) -> psutil.Process:
        end = time.monotonic() + _START
        while time.monotonic() < end:
            for child in self.process.children():
                try:
                    if any(name in part for part in child.cmdline()):
                        return child
                except psutil.Error:  # noqa: PERF203  # few children
                    continue
            time.sleep(0.1)
        raise RuntimeError(f"The launcher has no process {name}.")


@contextmanager
def serve(catalogue: Path, *options: str) -> Iterator[Running]:
    """Run `whatsit serve` on free ports until the block ends."""
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "whatsit.cli", "serve", "--catalogue", str(catalogue), "--port=0"]
        command += ["--grpc-port=0", "--metrics-port=0", *options]
        launcher = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            found, end = None, time.monotonic() + _START
            while found is None and launcher.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
                text = os.pread(log.fileno(), 1 << 20, 0).decode(errors="replace")
                found = re.search(r"(https?://\S+:\d+).*gRPC\s+(\S+:\d+)", text, re.DOTALL)
            if found is None:
                raise RuntimeError(text)
            yield Running(psutil.Process(launcher.pid), found[1], found[2])
        finally:
            launcher.terminate()
            launcher.wait(60)


@dataclass
class Callers:
    """Honest callers in threads, until they are stopped.

    Args:
        running: the server.
        picture: to identify.
        changes: whether two of them write items, too.
    """

    running: Running
    picture: bytes
    changes: bool = False
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Call while the block runs."""
        stopped = threading.Event()
        with ThreadPoolExecutor(4) as pool:
            urls = [self.running.url, f"grpc://{self.running.grpc_url}"] * 2
            runs = [pool.submit(self._call, number, url, stopped) for number, url in enumerate(urls)]
            try:
                yield
            finally:
                stopped.set()
        for run in runs:
            run.result()

    def _call(self, number: int, url: str, stopped: threading.Event) -> None:
        turn = 0
        with Client(url, timeout=120, retries=5) as client:
            while not stopped.is_set():
                begin, turn = time.perf_counter(), turn + 1
                try:
                    if self.changes and number < 2 and turn % 3 == 0:
                        id = f"kill-{number}-{turn}"
                        client.upsert({"id": id, "title": "written under fire"}, self.picture)
                        self.acknowledged.add(id)
                    else:
                        client.identify(self.picture)
                except WhatsitError as error:
                    self.failures.append(str(error))
                self.seconds.append(time.perf_counter() - begin)


def main(
    catalogue: Annotated[Path, typer.Argument(help="A published catalogue that may be changed, such as a copy.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes, such as demo/scenes.")],
    kills: Annotated[int, typer.Option(min=1, help="Times that Triton is killed.")] = 50,
    others: Annotated[int, typer.Option(min=0, help="Times that the gateway and each step are killed.")] = 3,
) -> None:
    """Kill Triton, the gateway and each step under load, and print what callers saw."""
    picture = min(scenes.glob("*.jpg")).read_bytes()
    table = Table("killed", "times", "calls", "failures", "p50 s", "p99 s", "longest s", "acknowledged", "lost")
    sentences: set[str] = set()
    with serve(catalogue, "--hold-seconds=30") as running:

        def measure(name: str, times: int, kill: Callable[[], None]) -> None:
            callers = Callers(running, picture, changes=True)
            with callers.calling():
                for _ in range(times):
                    time.sleep(_PAUSE)
                    kill()
                    time.sleep(_PAUSE)
                    running.wait_ready()
                time.sleep(_PAUSE)
            with Client(running.url, timeout=120) as client:
                lost = sum(not _is_there(client, id) for id in callers.acknowledged)
            sentences.update(callers.failures)
            waits = [f"{percentile(callers.seconds, p):.2f}" for p in (50, 99, 100)]
            counts = [len(callers.seconds), len(callers.failures)]
            table.add_row(name, str(times), *map(str, counts), *waits, str(len(callers.acknowledged)), str(lost))
            print(name, counts, waits, len(callers.acknowledged), lost, flush=True)

        measure("Triton", kills, lambda: running.triton().send_signal(signal.SIGKILL))
        if others:
            measure("gateway", others, lambda: running.gateway().send_signal(signal.SIGKILL))
            for model in sorted({step.model for step in step_processes(running.triton().pid)}):

                def kill(model: str = model) -> None:
                    living = [step for step in step_processes(running.triton().pid) if step.model == model]
                    living[0].process.send_signal(signal.SIGKILL)

                measure(f"a process of {model}", others, kill)
    Console().print(table)
    for sentence in sorted(sentences):
        print(sentence)


def _is_there(client: Client, id: str) -> bool:
    try:
        return client.get(id).id == id
    except WhatsitError:
        return False


if __name__ == "__main__":
    typer.run(main)
