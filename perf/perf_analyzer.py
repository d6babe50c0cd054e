"""Loads `identify` with NVIDIA's perf_analyzer and real pictures: images per second, latency, and each model's share.

python perf/perf_analyzer.py                            # pictures of the demo, a server of its own
python perf/perf_analyzer.py --photos DIR --concurrency 1,4,16 --requests 400
python perf/perf_analyzer.py --url localhost:8001       # a server that runs already
"""

from __future__ import annotations

import base64
import contextlib
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from perf_analyzer_report import Load, read_load
from perf_analyzer_tool import PerfAnalyzer, find_perf_analyzer
from rich.console import Console
from rich.table import Table
from setting import Setting
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

HERE = Path(__file__).resolve().parent
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
MOST_PICTURES = 64
DEMO_PRODUCTS, DEMO_SCENES = 300, 12  # as `whatsit demo` has them
WARM_UP = 16  # requests before each measurement, not counted


def main(
    photos: Annotated[Path | None, typer.Option(help="Folder of pictures to send; the demo's by default.")] = None,
    url: Annotated[str | None, typer.Option(help="gRPC host:port of a running server; else one is started.")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Catalogue of the started server; the demo's by default.")
    ] = None,
    target: Annotated[str, typer.Option(help="Of the started server: onnxruntime, tensorrt, or auto.")] = "onnxruntime",
    model: Annotated[str, typer.Option(help="Ensemble to load.")] = "identify",
    concurrency: Annotated[str, typer.Option(help="Requests in flight, a comma list.")] = "1,8",
    requests: Annotated[int, typer.Option(min=1, help="Requests measured at each concurrency.")] = 200,
    limit: Annotated[float, typer.Option(help="Seconds that one concurrency may take.")] = 300.0,
    out: Annotated[Path, typer.Option(help="CSV file for the figures.")] = HERE / "results" / "perf_analyzer.csv",
) -> None:
    """Load `identify` with perf_analyzer and print the composing models' table."""
    console = Console()
    numbers = _numbers(concurrency)
    tool = find_perf_analyzer()
    demo = HERE.parent / "demo"
    if (photos is None) or (url is None and catalogue is None):
        _stage(demo, console)
    pictures = _pictures(photos or demo / "scenes")
    with (
        _server(url, catalogue or demo / "catalogue", target, console) as address,
        tempfile.TemporaryDirectory() as folder,
    ):
        data = Path(folder, "pictures.json")
        _write_input(pictures, data)
        loads = []
        for number in numbers:
            _run(tool, model, address, data, number, WARM_UP, limit)
            loads.append(_run(tool, model, address, data, number, requests, limit))
            console.print(_headline(model, loads[-1]), _table(model, loads[-1]), sep="\n", soft_wrap=True)
    _write_results(
        out, Setting.of_this_machine(f"perf_analyzer {tool.version()}"), model, len(pictures), requests, loads
    )
    console.print(f"{len(pictures)} pictures, {requests} requests at each concurrency; figures in {out}")


def _pictures(folder: Path) -> list[Path]:
    """At most `MOST_PICTURES` of a folder, spread evenly over its names."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise InvalidInput(f"There are no pictures in {folder}: give a folder with JPEG, PNG or WebP files.")
    step = max(1, len(found) / MOST_PICTURES)
    return [found[int(place * step)] for place in range(min(len(found), MOST_PICTURES))]


def _stage(demo: Path, console: Console) -> None:
    """The shop, scenes and catalogue of `whatsit demo`; what is there already is kept."""
    from whatsit.serving.demo.prepare import stage_shop
    from whatsit.serving.ingestion import index_source

    with console.status("Preparing the demo's shop and catalogue …"):
        stage = stage_shop(demo, DEMO_PRODUCTS, DEMO_SCENES)
        index_source(stage.catalogue, stage.source)


@contextlib.contextmanager
def _server(url: str | None, catalogue: Path, target: str, console: Console) -> Iterator[str]:
    """The given address, or that of a server of our own on free ports of the loopback address."""
    if url is not None:
        yield url.removeprefix("grpc://")
        return
    from whatsit.serving.launcher import Ports, Server
    from whatsit.serving.repository import default_root
    from whatsit.serving.target import config_name

    config = config_name(target, default_root() / "model_repository")
    server = Server(catalogue, ports=Ports(0, 0, 0), config_name=config)
    with console.status("Starting Triton …"):
        server.start()
    with server:
        yield server.grpc_url


def _write_input(pictures: list[Path], path: Path) -> None:
    """perf_analyzer's own format; it goes round the pictures in order."""
    files = [picture.read_bytes() for picture in pictures]
    rows = [{"IMAGE": {"content": {"b64": base64.b64encode(file).decode()}, "shape": [len(file)]}} for file in files]
    path.write_text(json.dumps({"data": rows}))


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InvalidInput(f"'{text}' is no comma list of concurrencies: write 1,4,16.")
    return numbers


def _run(
    tool: PerfAnalyzer, model: str, address: str, data: Path, concurrency: int, requests: int, limit: float
) -> Load:
    command = [str(tool.binary), "-m", model, "-i", "grpc", "-u", address, "--input-data", str(data)]
    command += ["--concurrency-range", str(concurrency), "--request-count", str(max(requests, concurrency))]
    try:
        done = subprocess.run(
            command, env=tool.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"perf_analyzer was not done after {limit:.0f} s at concurrency {concurrency}: "
            "give fewer --requests or more --limit."
        ) from None
    load = read_load(done.stdout) if done.returncode == 0 else None
    if load is None:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["it said nothing"]
        telling = next((line for line in lines if "error" in line.lower() or "fail" in line.lower()), lines[-1])
        raise WhatsitError(f"perf_analyzer measured nothing at concurrency {concurrency}: {telling}")
    return load


def _headline(model: str, load: Load) -> str:
    latency = ", ".join(f"p{percent} {time:.1f}" for percent, time in load.percentiles.items())
    return f"\n{model} at concurrency {load.concurrency}: {load.rate:.1f} images/s, latency in ms {latency}"


def _table(model: str, load: Load) -> Table:
    table = Table()
    for name in ("Model", "Inferences", "Executions", "Queue ms", "Compute ms"):
        table.add_column(name, justify="left" if name == "Model" else "right")
    for part in load.models:
        counts = str(part.inferences), str(part.executions)
        table.add_row(part.name or model, *counts, f"{part.queue:.2f}", f"{part.compute:.2f}")
    return table


def _write_results(path: Path, setting: Setting, model: str, pictures: int, requests: int, loads: list[Load]) -> None:
    """One line per concurrency and model; the ensemble's own line has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        columns = ["pictures", "requests", "concurrency", "images_per_s", "p50_ms", "p90_ms", "p95_ms", "p99_ms"]
        rows.writerow([*setting.columns(), *columns, "model", "inferences", "executions", "queue_ms", "compute_ms"])
        for load in loads:
            figures = [f"{load.percentiles.get(percent, 0):.2f}" for percent in (50, 90, 95, 99)]
            for part in load.models:
                times = [f"{part.queue:.3f}", f"{part.compute:.3f}"]
                rows.writerow(
                    [*setting.values(), pictures, requests, load.concurrency, f"{load.rate:.2f}", *figures,
                     part.name or model, part.inferences, part.executions, *times]
                )  # fmt: skip


if __name__ == "__main__":
    try:
        typer.run(main)
    except WhatsitError as error:
        sys.exit(f"perf_analyzer: {error}")
