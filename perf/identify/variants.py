"""Variants of `identify`: started once, idle while others are loaded."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from whatsit_client.errors import Unavailable, WhatsitError

from perf.common.setting import ROOT
from perf.identify.load_generator import Job, Point
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

BLS_REPOSITORY = ROOT / "perf" / "identify" / "baselines" / "bls_repository"
TITLES = {
    "ensemble": "Whatsit's ensemble `identify`",
    "fused": "the same ensemble with one step for five (`whatsit serve --fused`)",
    "ceiling": "the same functions in one process, no server (the ceiling)",
    "fastapi": "FastAPI + ONNX Runtime + FAISS, tuned",
    "fastapi-untuned": "FastAPI + ONNX Runtime + FAISS, default threads",
    "each-model": "the client calls each Triton model itself",
    "bls": "a Python model in Triton calls the others (BLS)",
}


class Variant(Protocol):
    """Something that can be loaded."""

    def measure(self, folder: Path, callers: int, warm: float, seconds: float) -> Point:
        """Measure one point with the pictures of a folder."""
        ...


@dataclass(frozen=True)
class Served:
    """A server that the generator calls.

    Args:
        kind: of caller.
        address: host and port.
        path: that is posted to.
        pid: its process group.
    """

    kind: str
    address: str
    path: str
    pid: int

    def measure(self, folder: Path, callers: int, warm: float, seconds: float) -> Point:
        """Measure one point by a generator process."""
        job = Job(self.kind, self.address, self.path, self.pid, str(folder), callers, warm, seconds)
        done = subprocess.run(
            [sys.executable, "-m", "perf.identify.load_generator"], cwd=ROOT, input=json.dumps(asdict(job)) + "\n",
            capture_output=True, text=True, timeout=warm + seconds + 120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise WhatsitError(f"The load generator failed: {done.stderr.strip().splitlines()[-1]}")
        point = Point(**json.loads(done.stdout))
        if point.failures > point.replies or not point.latencies:
            reason = point.error or "no reply in time"
            raise WhatsitError(f"{point.failures} calls of {self.path or self.kind} failed: {reason}")
        return point


@dataclass(frozen=True)
class Ceiling:
    """The functions in one process, asked by lines.

    Args:
        process: `perf/baselines/in_process.py`.
    """

    process: subprocess.Popen[str]

    def measure(self, folder: Path, callers: int, warm: float, seconds: float) -> Point:
        """Measure one point."""
        job = {"folder": str(folder), "callers": callers, "warm": warm, "seconds": seconds}
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise WhatsitError("The ceiling's process ended.")
        return Point(**json.loads(line))


@contextlib.contextmanager
def started(
    names: list[str], catalogue: Path, root: Path | None = None
) -> Iterator[tuple[dict[str, Variant], dict[str, Server]]]:
    """Start the variants; yield them and the Triton servers by variant.

    Args:
        names: of `TITLES`.
        catalogue: published.
        root: of the model repository; None for Whatsit's own.
    """
    with contextlib.ExitStack() as stack:
        variants: dict[str, Variant] = {}
        servers: dict[str, Server] = {}

        def serve(name: str, **options: Any) -> Served:
            servers[name] = server = stack.enter_context(Server(catalogue, root, ports=Ports(0, 0, 0), **options))
            assert server.pid
            return Served("post", server.http_url, "/v2/models/identify/infer", server.pid)

        if {"ensemble", "each-model", "bls"} & set(names):
            more = (f"--model-repository={BLS_REPOSITORY}",) if "bls" in names else ()
            variants["ensemble"] = served = serve("ensemble", arguments=more)
            variants["bls"] = replace(served, path="/v2/models/identify_bls/infer")
            variants["each-model"] = replace(served, kind="each-model", path="")
        if "fused" in names:
            variants["fused"] = serve("fused", fused=True)
        if "ceiling" in names:
            process = subprocess.Popen(
                [sys.executable, "-m", "perf.identify.baselines.in_process", str(catalogue.resolve())], cwd=ROOT,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.callback(_end, process)
            assert process.stdout
            if process.stdout.readline().strip() != "ready":
                raise WhatsitError("The ceiling's process did not start.")
            variants["ceiling"] = Ceiling(process)
        for name, more in (("fastapi", ()), ("fastapi-untuned", ("--untuned",))):
            if name in names:
                variants[name] = stack.enter_context(_web_service(catalogue, more))
        yield {name: variants[name] for name in names}, servers


@contextlib.contextmanager
def _web_service(catalogue: Path, arguments: tuple[str, ...]) -> Iterator[Served]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    module = "perf.identify.baselines.fastapi_server"
    command = [sys.executable, "-m", module, str(catalogue.resolve()), str(port), *arguments]
    process: subprocess.Popen[str] = subprocess.Popen(command, text=True, cwd=ROOT, start_new_session=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None:
                raise WhatsitError("The FastAPI baseline ended before it was ready; install the extra 'perf'.")
            time.sleep(0.1)
        else:
            raise Unavailable("The FastAPI baseline was not ready after 60 s.")
        yield Served("post", f"127.0.0.1:{port}", "/identify", process.pid)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
