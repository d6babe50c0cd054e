"""Loads ensembles and models with NVIDIA's perf_analyzer and real pictures: rate, latency, and each model's share.

python -m perf.identify.perf_analyzer  # profile identify, a server of its own
python -m perf.identify.perf_analyzer --profile identify-poisson,embedder  # see perf/profiles
python -m perf.identify.perf_analyzer --profile all --seconds 4  # everything
python -m perf.identify.perf_analyzer --photos DIR --concurrency 1,4,16  # other pictures and loads
python -m perf.identify.perf_analyzer --url localhost:8001  # a server that runs already
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from whatsit_client.errors import InvalidInput, WhatsitError

from perf.common.setting import DEMO, RESULTS, Setting
from perf.identify.perf_analyzer_input import Inputs, pictures_of
from perf.identify.perf_analyzer_profile import Profile, read_profiles
from perf.identify.perf_analyzer_report import Load
from perf.identify.perf_analyzer_run import Run
from perf.identify.perf_analyzer_tool import PerfAnalyzer, find_perf_analyzer

DEMO_PRODUCTS, DEMO_SCENES = 300, 12  # as `whatsit demo` has them
WARM_UP = 16  # requests before each measurement, not counted
FEWEST = 20  # requests of a measurement, however slow they are
WIDTH = 110  # columns of the tables where there is no terminal
SATURATING = 8  # callers whose rate the shares of arrivals at random refer to


@dataclass(frozen=True)
class Measured:
    """One measurement of a profile."""

    profile: Profile
    load: Load


def main(
    photos: Annotated[Path | None, typer.Option(help="Folder of pictures to send; the demo's by default.")] = None,
    url: Annotated[str | None, typer.Option(help="gRPC host:port of a running server; else one is started.")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Catalogue of the started server; the demo's by default.")
    ] = None,
    target: Annotated[str, typer.Option(help="Of the started server: onnxruntime, tensorrt, or auto.")] = "onnxruntime",
    profile: Annotated[str, typer.Option(help="Profiles of perf/profiles, a comma list, or 'all'.")] = "identify",
    concurrency: Annotated[
        str | None, typer.Option(help="Requests in flight, a comma list, instead of the profiles' own load.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="About how long each measurement takes.")] = 10.0,
    requests: Annotated[int, typer.Option(min=1, help="At most so many requests in each measurement.")] = 2000,
    limit: Annotated[float, typer.Option(help="Seconds after which a measurement is given up.")] = 300.0,
    out: Annotated[Path, typer.Option(help="CSV file for the figures.")] = RESULTS / "perf_analyzer.csv",
) -> None:
    """Load ensembles and models with perf_analyzer and print their tables."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    profiles = read_profiles(profile)
    if concurrency is not None:
        profiles = [replace(one, concurrency=numbers(concurrency), poisson=()) for one in profiles]
    tool = find_perf_analyzer()
    demo = DEMO
    if (photos is None) or (url is None and catalogue is None):
        _stage(demo, console)
    pictures = pictures_of(photos or demo / "scenes")
    with (
        _server(url, catalogue or demo / "catalogue", target, console) as address,
        tempfile.TemporaryDirectory() as folder,
    ):
        measured = _measure(profiles, tool, Inputs(address, pictures, Path(folder)), address, seconds, requests, limit)
    for one in profiles:
        loads = [each.load for each in measured if each.profile == one]
        console.print(f"\n[bold]{one.name}[/]: {one.about}", _table(one, loads), sep="\n", soft_wrap=True)
    _write_results(out, Setting.of_this_machine(f"perf_analyzer {tool.version()}"), len(pictures), measured)
    console.print(f"{len(pictures)} pictures; figures in {out}")


def numbers(text: str) -> tuple[int, ...]:
    """The concurrencies of a comma list.

    Raises:
        InvalidInput: it is none.
    """
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise InvalidInput(f"'{text}' is no comma list of concurrencies: write 1,4,16.")
    return found


def _measure(
    profiles: list[Profile], tool: PerfAnalyzer, inputs: Inputs, address: str, seconds: float, most: int, limit: float
) -> list[Measured]:
    """Every load of every profile: warmed up first, whose rate says how many requests fill the time."""
    measured = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=sum(len(one.concurrency) + len(one.poisson) for one in profiles))
        for one in profiles:
            run = Run(tool, one.model, address, inputs.of(one.model), one.batch, one.shared_memory, limit)
            for number in one.concurrency:
                progress.update(task, description=f"{one.name}, {number} in flight")
                warm = run.callers(number, max(WARM_UP, number))
                count = _count(warm.rate / one.batch, seconds, most)
                measured.append(Measured(one, run.callers(number, count)))
                progress.advance(task)
            if one.poisson:
                warm = run.callers(SATURATING, WARM_UP)
                full = run.callers(SATURATING, _count(warm.rate, seconds / 2, most))
            for share in one.poisson:
                progress.update(task, description=f"{one.name}, {share:.0%} of {full.rate:.0f}/s")
                rate = share * full.rate
                measured.append(Measured(one, run.arrivals(rate, _count(rate, seconds, most))))
                progress.advance(task)
    return measured


def _count(rate: float, seconds: float, most: int) -> int:
    return min(most, max(FEWEST, round(rate * seconds)))


def _stage(demo: Path, console: Console) -> None:
    """The shop, scenes and catalogue of `whatsit demo`; what is there already is kept."""
    from whatsit.catalogue.ingest.add import index_source
    from whatsit.demo.demo_data import prepare_shop

    with console.status("Preparing the demo's shop and catalogue …"):
        stage = prepare_shop(demo, DEMO_PRODUCTS, DEMO_SCENES)
        index_source(stage.catalogue, stage.source)


@contextlib.contextmanager
def _server(url: str | None, catalogue: Path, target: str, console: Console) -> Iterator[str]:
    """The given address, or that of a server of our own on free ports of the loopback address."""
    if url is not None:
        yield url.removeprefix("grpc://")
        return
    from whatsit.engines.repository import default_root
    from whatsit.engines.runtime_target import config_name
    from whatsit.server.launcher import Ports, Server

    config = config_name(target, default_root() / "model_repository")
    server = Server(catalogue, ports=Ports(0, 0, 0), config_name=config)
    with console.status("Starting Triton …"):
        server.start()
    with server:
        yield server.grpc_url


def _table(profile: Profile, loads: list[Load]) -> Table:
    """A line a measurement, and below it one for each composing model."""
    table = Table()
    for name in ("Load", "Model", "per s", "p50", "p90", "p99 ms", "Executions", "Queue ms", "Compute ms"):
        table.add_column(name, justify="left" if name in ("Load", "Model") else "right", no_wrap=True)
    for load in loads:
        times = [f"{load.percentiles.get(percent, 0):.1f}" for percent in (50, 90, 99)]
        whole = load.models[0]
        head = [load.offered, profile.model, f"{load.rate:.1f}", *times]
        table.add_row(*head, str(whole.executions), f"{whole.queue:.2f}", f"{whole.compute:.2f}", style="bold")
        for part in load.models[1:]:
            times = ["", "", "", ""]
            table.add_row("", part.name, *times, str(part.executions), f"{part.queue:.2f}", f"{part.compute:.2f}")
        table.add_section()
    return table


def _write_results(path: Path, setting: Setting, pictures: int, measured: list[Measured]) -> None:
    """One line per measurement and model; the loaded model's or ensemble's own line comes first."""
    columns = ["profile", "loaded", "load", "batch", "shared_memory", "pictures", "items_per_s", "p50_ms", "p90_ms"]
    columns += ["p95_ms", "p99_ms", "delayed_percent", "model", "inferences", "executions", "queue_ms", "compute_ms"]
    rows = []
    for one in measured:
        profile, load = one.profile, one.load
        figures = [f"{load.percentiles.get(percent, 0):.2f}" for percent in (50, 90, 95, 99)]
        begin = [profile.name, profile.model, load.offered, profile.batch, int(profile.shared_memory), pictures]
        for part in load.models:
            times = [f"{part.queue:.3f}", f"{part.compute:.3f}"]
            counts = [part.name or profile.model, part.inferences, part.executions]
            rows.append([*begin, f"{load.rate:.2f}", *figures, f"{load.delayed:.1f}", *counts, *times])
    setting.write(path, columns, rows)


if __name__ == "__main__":
    try:
        typer.run(main)
    except WhatsitError as error:
        sys.exit(f"perf_analyzer: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
