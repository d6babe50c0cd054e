"""Mutated picture files through a whole server, and through a whole import.

    python -m perf.pictures.mutated_calls server --count 20000  # through the gateway; every process must stay the same
    python -m perf.pictures.mutated_calls ingestion --count 5000 --crashes 5  # through `whatsit catalogue add`

The files are those of `perf.pictures.mutations`. The import is disturbed: its decoding processes get SIGSEGV, as a
fault of a library would give them; each may cost one picture.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import psutil
import typer
from whatsit_client.errors import InvalidInput

from perf.common.command import run_command
from perf.gateway.kills import Running, serve
from perf.pictures.mutations import mutated, seeds
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.rendering.shop import write_shop
from whatsit.server.step_processes import step_processes
from whatsit.vision.decode import decode_image

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
CALLERS = 4
Count = Annotated[int, typer.Option(help="Files.")]
Seed = Annotated[int, typer.Option(help="Of the mutations.")]


@dataclass
class Replies:
    """What callers got."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def take(self, number: int, status: int, body: bytes, seconds: float) -> None:
        """Count a reply; it is 200, or 4xx with one sentence."""
        self.statuses[status] += 1
        self.slowest = max(self.slowest, seconds)
        sentence = "" if status == 200 else str(json.loads(body).get("detail") or json.loads(body).get("error") or body)
        if status != 200 and (not 400 <= status < 500 or "\n" in sentence or "Traceback" in sentence):
            self.wrong.append(f"file {number}: {status} {body[:200]!r}")


def call_all(url: str, seed: int, numbers: range, replies: Replies, first: int) -> None:
    """Send every fourth file."""
    files, parts = seeds(), urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    for number in numbers[first::CALLERS]:
        data = mutated(files, seed, number)
        begun = time.perf_counter()
        connection.request("POST", "/v1/identify", data, {"Content-Type": "application/octet-stream"})
        response = connection.getresponse()
        replies.take(number, response.status, response.read(), time.perf_counter() - begun)


def processes(running: Running) -> dict[str, int]:
    """Return name -> number of every process that may not change."""
    triton, gateway = running.triton(), running.gateway()
    found = {"triton": triton.pid, "gateway": gateway.pid}
    return found | {f"step {one.pid}": one.pid for one in step_processes(triton.pid)}


def memory(running: Running) -> int:
    """Return the megabytes that all of its processes hold themselves."""
    return sum(one.memory_full_info().uss for one in running.process.children(recursive=True)) >> 20


@app.command()
def server(count: Count = 20_000, seed: Seed = 0) -> None:
    """Send mutated files through the gateway."""
    seeds()  # once, before the threads
    with tempfile.TemporaryDirectory() as work:
        shop = write_shop(Path(work) / "shop", count=40, seed=7)
        add_to_catalogue(Path(work) / "catalogue", shop, publish=True)
        with serve(Path(work) / "catalogue") as running, ThreadPoolExecutor(CALLERS) as pool:
            running.wait_ready()
            warm, replies = Replies(), Replies()
            warm_up = min(1000, count)
            for some, into in ((range(warm_up), warm), (range(count), replies)):
                if into is replies:
                    before, held = processes(running), memory(running)
                for run in [pool.submit(call_all, running.url, seed, some, into, n) for n in range(CALLERS)]:
                    run.result()
            after, holds = processes(running), memory(running)
    same = "the same" if before == after else f"DIFFERENT ({before} and {after})"
    print(f"{count} files of seed {seed}: {dict(replies.statuses)}, slowest {replies.slowest:.1f} s, processes {same}, "
          f"memory {held} MB before and {holds} MB after, {len(replies.wrong)} wrong replies")  # fmt: skip
    print("\n".join(replies.wrong[:10]))
    sys.exit(bool(replies.wrong or before != after))


def readable(folder: Path) -> Iterator[str]:
    """Return the names of the files that this process can decode."""
    for path in sorted(folder.iterdir()):
        try:
            decode_image(path.read_bytes(), max_side=1024)
        except InvalidInput:
            continue
        yield path.stem


def crash(process: psutil.Process, times: int, stopped: threading.Event, pause: float) -> int:
    """Send SIGSEGV to decoding processes until the import ends; return how often."""
    rng, done = random.Random(0), 0
    while done < times and not stopped.wait(pause):
        with suppress(psutil.Error):  # one that ended just now
            children = [one for one in process.children(recursive=True) if "decode_worker" in " ".join(one.cmdline())]
            if children:
                rng.choice(children).send_signal(signal.SIGSEGV)
                done += 1
    return done


@app.command()
def ingestion(
    count: Count = 5000,
    seed: Seed = 0,
    crashes: Annotated[int, typer.Option(help="Decoding processes that get SIGSEGV.")] = 5,
    pause: Annotated[float, typer.Option(help="Seconds before each.")] = 3.0,
) -> None:
    """Add a folder of mutated files while decoding processes crash."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "mutated"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:06d}.jpg").write_bytes(mutated(seeds(), seed, number))
        command = [sys.executable, "-m", "whatsit.cli", "catalogue", "add", f"{work}/catalogue", str(folder), "--json"]
        begun = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            child = subprocess.Popen(command, stdout=out, stderr=errors)
            stopped = threading.Event()
            with ThreadPoolExecutor(1) as pool:
                crashing = pool.submit(crash, psutil.Process(child.pid), crashes, stopped, pause)
                code = child.wait()
                stopped.set()
                crashed = crashing.result()
            out.seek(0)
            errors.seek(0)
            raw = out.read()
            if not raw:
                raise SystemExit(f"The import ended with {code}: {errors.read().decode()[-2000:]}")
            report = json.loads(raw)
        seconds = time.monotonic() - begun
        lost = [one for one in report["skipped"] if "SIGSEGV" in one["reason"]]
        wanted = len(list(readable(folder)))
        total = report["added"] + report["skipped_rows"]
        print(f"{count} files of seed {seed} in {seconds:.0f} s: exit code {code}, {report['added']} added of {wanted} "
              f"readable, {report['skipped_rows']} skipped, {crashed} crashes cost {len(lost)} pictures")  # fmt: skip
        fine = code in (0, 1) and total == count and wanted - len(lost) <= report["added"] <= wanted and crashed
        sys.exit(not fine)


if __name__ == "__main__":
    run_command(app)
