"""Find a server's saturation, then run a soak, a spike, steps or a steady load.

python -m perf.load.locust_run --shape soak --minutes 10  # at 70 % of saturation, with changes; memory of each process
python -m perf.load.locust_run --shape spike --minutes 2  # to three times saturation and back: refusals, recovery
python -m perf.load.locust_run --photos DIR --catalogue DIR  # your own pictures; a copy of the catalogue is changed
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from whatsit_client.errors import WhatsitError

from perf.common.command import CatalogueOption, PhotosOption, chosen, run_command
from perf.common.processes import Usage, usages
from perf.common.server_fixture import catalogue_copy, prepare_demo, running_server
from perf.common.setting import RESULTS, Setting
from perf.common.tables import markdown
from perf.load.load_report import COLUMNS, RECOVERED, phases, recovery, table
from perf.load.locust_process import Run, Target, run_locust
from perf.load.outcomes import FAILED, OK, REFUSED
from perf.load.pacing import SPIKE

_CALLERS = 16  # that saturate it
SHAPES = ("soak", "spike", "steps", "steady")
_SETTLE = 3.0  # seconds at the start of a measurement that do not count


def main(
    shape: Annotated[str, typer.Option(help=f"The course of the load: {', '.join(SHAPES)}.")] = "soak",
    minutes: Annotated[float, typer.Option(min=0.1, help="How long, besides the start and the saturation.")] = 10.0,
    load: Annotated[float, typer.Option("--share", help="Of saturation: the usual load.")] = 0.7,
    peak: Annotated[float, typer.Option(help="Of saturation: the load in a spike and on the last step.")] = 3.0,
    saturate: Annotated[float, typer.Option(help="Seconds to find what saturates the server.")] = 25.0,
    photos: PhotosOption = None,
    catalogue: CatalogueOption = None,
    slo_p99_ms: Annotated[float, typer.Option(help="p99 of identify; beyond it the run fails.")] = 5000.0,
    html: Annotated[Path | None, typer.Option(help="File for Locust's own report (1 MB).")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the CSV and Markdown files.")] = RESULTS,
) -> None:
    """Find what saturates the server, put the load on it, and write what came of it."""
    console, (shape, *_) = Console(), chosen(shape, SHAPES, "shape")
    demo = prepare_demo(console) if photos is None or catalogue is None else Path()
    with catalogue_copy(catalogue or demo / "catalogue") as folder, running_server(folder, console) as server:
        target = Target(server.http_url, server.grpc_url, photos or demo / "scenes")
        with console.status(f"{_CALLERS} callers for {saturate:.0f} s …"):
            most = _rate(run_locust(target, "closed", _CALLERS, saturate), saturate)
        console.print(f"Saturated at {most:.1f} calls a second.")
        assert server.pid is not None
        before, seconds = usages(server.pid), minutes * 60
        slo = (slo_p99_ms, 0.0, 1.0 if shape in ("spike", "steps") else 0.0)
        with _bar(console) as bar:
            task = bar.add_task(f"{shape} at {most * load:.1f}/s", total=seconds)
            begin = time.time()
            run = run_locust(
                target, shape, most * load, seconds, most * peak, slo, html,
                lambda: bar.update(task, completed=time.time() - begin),
            )  # fmt: skip
        alive = server.pid is not None
        after = usages(server.pid) if server.pid is not None else []
    _write(out, shape, most, load, peak, run, seconds, before, after, alive, console)
    if not run.met or not alive:
        lines = [line for line in run.said.splitlines() if "SLO" in line] or run.said.splitlines()[-3:]
        raise WhatsitError("; ".join(lines) if alive else "Triton did not survive the load.")


def _rate(run: Run, seconds: float) -> float:
    """Answers a second, without the start."""
    first = min(one.start for one in run.outcomes) + _SETTLE
    ends = [one.start + one.ms / 1000 for one in run.outcomes if one.outcome == OK]
    return sum(first <= end < first + seconds - 2 * _SETTLE for end in ends) / (seconds - 2 * _SETTLE)


def _write(
    out: Path, shape: str, most: float, load: float, peak: float, run: Run, seconds: float,
    before: list[Usage], after: list[Usage], alive: bool, console: Console,
) -> None:  # fmt: skip
    setting = Setting.of_this_machine("locust")
    begin = min(one.start for one in run.outcomes)
    parts = phases(shape, run.outcomes, begin, seconds)
    lengths = dict(zip(parts, [part * seconds for part in (SPIKE if shape == "spike" else (1.0,))], strict=True))
    rows = table(parts, lengths)
    setting.write(out / f"locust_{shape}.csv", COLUMNS, rows)
    totals = {kind: sum(one.outcome == kind for one in run.outcomes) for kind in (OK, REFUSED, FAILED)}
    lines = [
        f"# Locust: {shape}",
        "",
        f"{setting.date} UTC, {setting.commit}, {setting.processor}, {setting.cores} cores (the load runs on them "
        f"too), {setting.versions}. Saturation with {_CALLERS} callers: {most:.1f} calls/s; usual load {load:.0%} of it"
        + (f", peak {peak:g} times it." if shape in ("spike", "steps") else "."),
        "",
        f"{seconds:.0f} s: {totals[OK]} calls answered, {totals[REFUSED]} refused as too many (HTTP 503, gRPC "
        f"UNAVAILABLE), {totals[FAILED]} failed. The server {'went on' if alive else 'crashed'}.",
    ]
    if shape == "spike":
        waited = recovery(parts, begin + (SPIKE[0] + SPIKE[1]) * seconds)
        said = "never" if waited is None else f"{waited:.1f} s after the spike"
        lines += ["", f"p95 of `identify` was back within {RECOVERED} times that of before {said}."]
    lines += ["", *markdown(COLUMNS, rows), "", "Memory of the server's processes in MiB:", ""]
    known = {usage.pid: usage for usage in after}
    kept = [(one.name, one, known.get(one.pid)) for one in before]
    memory = [(name, f"{old.pss:.0f}", f"{new.pss:.0f}" if new else "gone", f"{old.rss:.0f}",
               f"{new.rss:.0f}" if new else "gone") for name, old, new in kept]  # fmt: skip
    memory.append(("all", f"{sum(one.pss for one in before):.0f}", f"{sum(one.pss for one in after):.0f}", "", ""))
    names = ("process", "pss_start", "pss_end", "rss_start", "rss_end")
    lines += markdown(names, memory)
    setting.write(out / f"locust_{shape}_memory.csv", names, memory)
    path = out / f"locust_{shape}.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    console.print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
    console.print(f"Figures in {path} and beside it.")


def _bar(console: Console) -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console)


if __name__ == "__main__":
    run_command(main)
