"""Roll-outs under load: calls and changes go on while a new embedder is embedded, switched to and back from.

python -m perf.loop.rollout_load run  # one repetition: 100 seconds; repeat it, each adds its samples
python -m perf.loop.rollout_load report  # the figures of all repetitions, and the results page
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from perf.common.command import Out, run_command
from perf.common.server_fixture import prepare_demo
from perf.common.setting import RESULTS, Setting
from perf.loop.caller import Caller
from perf.loop.changed_embedder import write_changed_embedder
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.loop.rollout_state import rollout_state

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
_SAMPLES = "rollout_samples.csv"
_COLUMNS = ["repetition", "at", "phase", "kind", "ms", "error", "embedder", "mixed", "wrong"]
_MODELS = Path(__file__).resolve().parents[2] / "model_repository"


@dataclass(frozen=True)
class Sample:
    """One call.

    Args:
        at: seconds after the first call when it was due.
        phase: of the roll-out when it was due.
        kind: "identify" or the kind of a change.
        ms: from when it was due until the reply.
        error: what was answered instead of a result, "" where all is well.
        embedder: fingerprint in the reply.
        mixed: whether the reply names two fingerprints.
        wrong: whether the photo's own item was not the first match with a full score, as it is by either pair.
    """

    at: float
    phase: str
    kind: str
    ms: float
    error: str
    embedder: str = ""
    mixed: bool = False
    wrong: bool = False


class Load:
    """Calls of `identify` and changes of the catalogue, with a sample of each.

    Args:
        url: of the server.
        known: id and picture of items that no change touches.
        changing: ids of items whose fields change, and pictures that are added under new ids.
    """

    def __init__(self, url: str, known: Sequence[tuple[str, bytes]], changing: Sequence[tuple[str, bytes]]) -> None:
        self._url, self._known, self._changing = url, known, changing
        self.phase = "without"
        self.samples: list[Sample] = []
        self.begin = time.monotonic()
        self._added: list[str] = []

    def identify(self, number: int, due: float) -> None:
        """Send a known item's picture and check the reply."""
        id, picture = self._known[number % len(self._known)]
        phase = self.phase
        try:
            request = urllib.request.Request(f"{self._url}/v1/identify?gate=false", picture, _PICTURE)
            with urllib.request.urlopen(request, timeout=30) as reply:
                record = json.loads(reply.read())
                prints = reply.headers["Whatsit-Embedder"], reply.headers["Whatsit-Index"]
        except OSError as error:
            self._note(phase, "identify", due, str(error))
            return
        matches = record["regions"][0]["matches"]
        first = matches[0]["score"] if matches else 0.0
        tied = [match["item"]["id"] for match in matches if match["score"] > 1.999]
        wrong = first < 1.999 or id not in tied
        self._note(phase, "identify", due, "", prints[0] or "", prints[0] != prints[1] or not prints[0], wrong)

    def change(self, number: int, due: float) -> None:
        """Change fields, add an item with a picture, or delete one that was added: 70, 15 and 15 %."""
        kind = "add" if number % 20 in (3, 9, 15) else "delete" if number % 20 in (6, 12, 18) else "fields"
        phase = self.phase
        id, picture = self._changing[number % len(self._changing)]
        try:
            if kind == "add":
                self._send("PUT", f"new-{number}", picture)
                self._added.append(f"new-{number}")
            elif kind == "delete" and self._added:
                self._send("DELETE", self._added.pop(0))
            else:
                self._send("PUT", id, json.dumps({"price": number % 97 + 0.5}).encode())
        except (OSError, IndexError) as error:
            self._note(phase, kind, due, str(error))
            return
        self._note(phase, kind, due, "")

    def _send(self, method: str, id: str, body: bytes | None = None) -> None:
        headers = _JSON
        if body is not None and body[:1] != b"{":
            parts = [b'item"\r\n\r\n{}', b'image"; filename="a.jpg"\r\n\r\n' + body]
            body = b"".join(b'--limit\r\nContent-Disposition: form-data; name="' + part + b"\r\n" for part in parts)
            body, headers = body + b"--limit--\r\n", _FORM
        request = urllib.request.Request(f"{self._url}/v1/items/{id}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            reply.read()

    def _note(self, phase: str, kind: str, due: float, error: str, *found: Any) -> None:
        ms = 1000 * (time.monotonic() - due)
        self.samples.append(Sample(due - self.begin, phase, kind, ms, error, *found))


_WARM_SECONDS = 8.0
_PICTURE = {"Content-Type": "image/jpeg"}
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "multipart/form-data; boundary=limit"}


@contextlib.contextmanager
def served(catalogue: Path, log: Path) -> Iterator[str]:
    """Run `whatsit serve --fused` and give its URL."""
    port = 18733
    options = ["--fused", "--catalogue", str(catalogue), "--port", str(port), "--grpc-port", "0", "--metrics-port", "0"]
    command = [sys.executable, "-m", "whatsit.cli", "serve", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent)
    try:
        deadline = time.monotonic() + 120
        while b"Ready" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(log.read_text())
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@app.command()
def run(
    rate: Annotated[float, typer.Option(help="Calls of identify a second.")] = 4.0,
    changes: Annotated[float, typer.Option(help="Changes a second.")] = 20.0,
    seconds: Annotated[float, typer.Option(help="Of the window without a roll-out, before and after it.")] = 20.0,
    noise: Annotated[int, typer.Option(help="Seed of the new embedder and of the load.")] = 1,
    out: Out = RESULTS,
) -> None:
    """Run one roll-out under load and add its samples to the file of samples."""
    console = Console()
    demo = prepare_demo(console)
    with tempfile.TemporaryDirectory(prefix="whatsit-rollout-") as work:
        folder = Path(shutil.copytree(demo / "catalogue", Path(work, "catalogue")))
        network = write_changed_embedder(Path(work, "new.onnx"), seed=noise)
        pictures = _pictures(folder)
        with served(folder, Path(work, "serve.log")) as url:
            load = Load(url, pictures[: len(pictures) // 2], pictures[len(pictures) // 2 :])
            load.phase = "warm"  # a server's first seconds are slower
            with Caller(load.identify, rate, 16, noise), Caller(load.change, changes, 16, noise + 1):
                time.sleep(_WARM_SECONDS)
                load.phase = "without"
                time.sleep(seconds / 2)
                marks = _roll_out(load, folder, network, seconds, console)
                load.phase = "without"
                time.sleep(seconds / 2)
            print(Path(work, "serve.log").read_text())
        console.print(f"start to ready {marks[0]:.1f} s, to loaded {marks[1]:.1f} s, switch {marks[2]:.2f} s")
    file = out / _SAMPLES
    known = file.is_file()
    repetition = 1 + max((int(row["repetition"]) for row in _rows(file)), default=0) if known else 1
    with file.open("a", newline="", encoding="utf-8") as sheet:
        writer = csv.writer(sheet, lineterminator="\n")
        if not known:
            writer.writerow(_COLUMNS)
        for one in load.samples:
            found = [one.error, one.embedder, int(one.mixed), int(one.wrong)]
            writer.writerow([repetition, f"{one.at:.2f}", one.phase, one.kind, f"{one.ms:.1f}", *found])
    _print(console, [row for row in _rows(file) if int(row["repetition"]) == repetition])


def _roll_out(load: Load, folder: Path, network: Path, seconds: float, console: Console) -> tuple[float, float, float]:
    begin = time.monotonic()
    load.phase = "embedding"
    _command("start", folder, str(network), "--shadow", "0.1")
    ready = time.monotonic() - begin
    load.phase = "loading"
    while not all(rollout_state(folder, _MODELS).servers.values()):
        time.sleep(0.25)
    loaded = time.monotonic() - begin
    load.phase = "shadow"
    time.sleep(seconds / 2)
    load.phase = "switch"
    switched = time.monotonic()
    _command("switch", folder)
    switch = time.monotonic() - switched
    load.phase = "new"
    time.sleep(seconds / 2)
    load.phase = "switch"
    _command("back", folder)
    _command("abort", folder)
    load.phase = "unloading"
    time.sleep(4.0)
    return ready, loaded, switch


def _command(name: str, folder: Path, *more: str) -> None:
    subprocess.run([sys.executable, "-m", "whatsit.cli", "rollout", name, str(folder), *more], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip


def _pictures(folder: Path) -> list[tuple[str, bytes]]:
    with Store(Layout(folder).store, read_only=True) as store:
        return [(row["id"], Path(row["image"]).read_bytes()) for row in store.page(limit=200) if row["image"]]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as sheet:
        return list(csv.DictReader(sheet))


def _p99(rows: Sequence[dict[str, str]], *phases: str) -> float:
    times = [float(row["ms"]) for row in rows if row["kind"] == "identify" and row["phase"] in phases]
    return float(np.percentile(times, 99)) if times else float("nan")


_DURING = ("embedding", "loading", "shadow", "switch", "new", "unloading")


def _print(console: Console, rows: Sequence[dict[str, str]]) -> list[list[object]]:
    """Print and return a line for each phase."""
    lines: list[list[object]] = []
    before = _p99(rows, "without")
    for name, phases in [("without", ("without",)), *((one, (one,)) for one in _DURING), ("roll-out, all", _DURING)]:
        calls = [row for row in rows if row["phase"] in phases]
        queries = [row for row in calls if row["kind"] == "identify"]
        times = [float(row["ms"]) for row in queries] or [float("nan")]
        lines.append([name, len(queries), len(calls) - len(queries), sum(bool(row["error"]) for row in calls),
                      sum(row["mixed"] == "1" for row in calls), sum(row["wrong"] == "1" for row in calls),
                      len({row["embedder"] for row in queries} - {""}), f"{np.percentile(times, 50):.0f}",
                      f"{np.percentile(times, 99):.0f}", f"{_p99(rows, *phases) / before:.2f}"])  # fmt: skip
        console.print(*lines[-1])
    return lines


@app.command()
def report(out: Out = RESULTS) -> None:
    """Write the figures of all repetitions as CSV."""
    console = Console()
    rows = _rows(out / _SAMPLES)
    columns = ["phase", "queries", "changes", "failed", "mixed", "wrong", "embedders", "p50_ms", "p99_ms", "p99_ratio"]
    setting = Setting.of_this_machine("perf.loop.rollout_load")
    setting.write(out / "rollout_load.csv", columns, _print(console, rows))
    for row in [row for row in rows if row["error"]][:5]:
        console.print(row)


if __name__ == "__main__":
    run_command(app)
