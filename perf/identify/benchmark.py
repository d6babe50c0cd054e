"""Measure `identify` stage by stage, beside its alternatives.

python -m perf.identify.benchmark  # pictures and catalogue of the demo, all variants, at most 20 minutes
python -m perf.identify.benchmark --photos DIR --minutes 5 --variants ensemble,ceiling --callers 1,4
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from whatsit_client.errors import WhatsitError

from perf.common.command import CatalogueOption, PhotosOption, chosen, positive_numbers, run_command
from perf.common.server_fixture import picture_files, prepare_demo
from perf.common.setting import DEMO, RESULTS, Setting
from perf.identify.benchmark_charts import draw
from perf.identify.benchmark_report import Row, write
from perf.identify.load_generator import Point
from perf.identify.stage_times import LatencyBreakdown, latency_breakdown, read_statistics
from perf.identify.variants import TITLES, Variant, started
from whatsit.server.launcher import Server

START_SECONDS, POINT_SECONDS = 60.0, 0.4  # until all are ready; around each point
FIRST_SECONDS = 3.0  # of every variant, not counted: memory that is used for the first time costs more
WARM_SHARE = 0.2


def main(
    photos: PhotosOption = None,
    catalogue: CatalogueOption = None,
    variants: Annotated[str, typer.Option(help=f"Comma list of {', '.join(TITLES)}.")] = ",".join(TITLES),
    callers: Annotated[str, typer.Option(help="Requests in flight, a comma list.")] = "1,4,8,16",
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; each goes once through everything.")] = 14,
    minutes: Annotated[float, typer.Option(min=0.05, help="That all may take; shared out among the points.")] = 20.0,
    root: Annotated[Path | None, typer.Option(help="Folder of model_repository/ and ensembles/.")] = None,
    demo: Annotated[Path, typer.Option(help="Folder of the demo; made where it is missing.")] = DEMO,
    out: Annotated[Path, typer.Option(help="Files OUT.csv, OUT_stages.csv, OUT.md, OUT*.png.")] = RESULTS / "identify",
) -> None:
    """Measure, interleaved; write tables and charts; print the table."""
    console = Console()
    names, numbers = chosen(variants, TITLES, "variant"), positive_numbers(callers)
    if photos is None or catalogue is None:
        prepare_demo(console, demo)
    pictures = picture_files(photos or demo / "scenes")
    points = len(names) * len(numbers) * repeats
    seconds = max(0.3, (60 * minutes - START_SECONDS - FIRST_SECONDS * len(names)) / points - POINT_SECONDS)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(pictures):
            (Path(folder) / f"{number:03}{path.suffix.lower()}").write_bytes(path.read_bytes())
        with console.status("Starting the servers …"), started(names, catalogue or demo / "catalogue", root) as ready:
            console.print(
                f"{len(pictures)} pictures, {points} points of {seconds:.1f} s; "
                f"ready after {time.monotonic() - begin:.0f} s"
            )
            rows, breakdowns = _rounds(*ready, numbers, repeats, Path(folder), seconds, console)
    setting = Setting.of_this_machine(
        f"benchmark, {len(pictures)} pictures, {repeats} rounds of {seconds:.1f} s a point"
    )
    console.print(write(out, setting, rows, breakdowns), markup=False, soft_wrap=True)
    for path in draw(out, rows, breakdowns):
        console.print(f"Wrote {path}", soft_wrap=True)


def _rounds(
    variants: dict[str, Variant], servers: dict[str, Server], numbers: Sequence[int], repeats: int, folder: Path,
    seconds: float, console: Console,
) -> tuple[list[Row], list[LatencyBreakdown]]:  # fmt: skip
    """Measure all points round by round; Ctrl-C ends early with whole rounds."""
    points: dict[tuple[str, int], list[Point]] = defaultdict(list)
    breakdowns: dict[tuple[str, int], list[LatencyBreakdown]] = defaultdict(list)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    warm, counted = seconds * WARM_SHARE, seconds * (1 - WARM_SHARE)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Measuring", total=repeats * len(numbers) * len(variants))
        try:
            for name, variant in variants.items():
                bar.update(task, description=f"warming up {name}")
                variant.measure(folder, max(numbers), 0.0, FIRST_SECONDS)
            for repeat in range(repeats):
                for number, name in _order(numbers, list(variants), repeat):
                    bar.update(task, description=f"round {repeat + 1}, {number} callers, {name}")
                    server = servers.get(name)
                    for last in (False, True):
                        before = read_statistics(server.http_url) if server else {}
                        try:
                            point = variants[name].measure(folder, number, warm, counted)
                            break
                        except WhatsitError as error:  # a moment in which the machine stood still
                            if last:
                                raise
                            console.print(f"round {repeat + 1}, {number} callers, {name}, once more: {error}")
                    points[name, number].append(point)
                    if server:
                        after = read_statistics(server.http_url)
                        found = latency_breakdown(before, after, point.mean_of_all, number, name)
                        breakdowns[name, number].append(found)
                    bar.advance(task)
        except (KeyboardInterrupt, WhatsitError) as error:
            if not points:
                raise
            console.print(f"{error or 'Interrupted'}: what was measured so far follows.")
    pairs = [(name, number) for name in variants for number in numbers if points[name, number]]
    rows = [Row(*pair, tuple(points[pair])) for pair in pairs]
    middle = [sorted(found, key=lambda one: one.latency)[len(found) // 2] for _, found in sorted(breakdowns.items())]
    return rows, middle


def _order(numbers: Sequence[int], names: list[str], repeat: int) -> Iterator[tuple[int, str]]:
    """Every other round backwards, so that no variant always follows the same one."""
    for number in numbers:
        for name in names if repeat % 2 == 0 else reversed(names):
            yield number, name


if __name__ == "__main__":
    run_command(main)
