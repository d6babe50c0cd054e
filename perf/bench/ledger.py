"""Speed of `identify` beside its ceiling and FastAPI, with intervals; kept for each commit.

python -m perf.bench.ledger  # at most 10 minutes; appends to perf/results/history.csv, writes history.png and bench.md
python -m perf.bench.ledger --minutes 2 --callers 1,4 --variants fused,ceiling

All variants run at once and are loaded in turns of a second or two, every other round backwards. A ratio is the median
over the rounds of a variant's figure by that of the ceiling (the same functions in one process, no server) in the same
round, its interval (95 %) from the bootstrap over the rounds. The run ends when all intervals are within a few per
cent, or the time is over. CPU time and instructions are of all processes of a server; other work on the machine moves
them little.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from whatsit_client.errors import InvalidInput, WhatsitError

from perf.bench.cores import Cores, available, move_to
from perf.bench.counters import can_count, counted
from perf.bench.history import append, draw
from perf.common.command import CatalogueOption, Out, PhotosOption, chosen, positive_numbers, run_command
from perf.common.processes import Usage, usages
from perf.common.server_fixture import picture_files, prepare_demo
from perf.common.setting import DEMO, RESULTS, Setting
from perf.common.tables import markdown
from perf.identify.load_generator import Point
from perf.identify.variants import TITLES, Served, Variant, started
from whatsit.engines.processor_flags import processor_flags
from whatsit.engines.ratio_interval import Ratio, ratio_interval

CEILING = "ceiling"
DEFAULT_VARIANTS = "fused,ensemble,ceiling,fastapi"
FEWEST_ROUNDS = 5
_WARM_SECONDS = 3.0
_WARM_SHARE = 0.2


@dataclass(frozen=True)
class Measured:
    """A variant's point in a round, and its instructions a picture where they are known."""

    point: Point
    instructions: float | None


Rounds = Mapping[tuple[str, int], Sequence[Measured]]


def one_point(variant: Variant, folder: Path, callers: int, seconds: float) -> Measured:
    """Load one variant for so many seconds."""
    with counted(variant.pid if isinstance(variant, Served) else None) as count:
        point = variant.measure(folder, callers, seconds * _WARM_SHARE, seconds * (1 - _WARM_SHARE))
    each = None if count.instructions is None else count.instructions / max(point.replies, 1)
    return Measured(point, each)


def _warm_up(variant: Variant, folder: Path, callers: int) -> None:
    """Load one variant until it answers: memory that is used for the first time costs more."""
    for _ in range(2):
        with contextlib.suppress(WhatsitError):  # a busy machine answered nothing within the seconds
            variant.measure(folder, callers, 0.0, _WARM_SECONDS)
            return
    variant.measure(folder, callers, 0.0, 2 * _WARM_SECONDS)


def run_rounds(
    variants: Mapping[str, Variant], callers: Sequence[int], folder: Path, seconds: float, end: float, within: float,
    console: Console,
) -> Rounds:  # fmt: skip
    """Go through all variants in turns until the intervals are narrow or the time is over."""
    rounds: dict[tuple[str, int], list[Measured]] = defaultdict(list)
    names = list(variants)
    while True:
        done = min((len(rounds[name, number]) for name in names for number in callers), default=0)
        widest = _widest(rounds, names, callers) if done >= FEWEST_ROUNDS else None
        if done >= FEWEST_ROUNDS and (time.monotonic() > end or (widest is not None and widest <= within)):
            return rounds
        found: dict[tuple[str, int], Measured] = {}
        try:
            for number in callers:
                for name in names if done % 2 == 0 else reversed(names):
                    found[name, number] = one_point(variants[name], folder, number, seconds)
        except WhatsitError as error:  # a moment in which the machine stood still
            console.print(f"round {done + 1}, not counted: {error}")
            if time.monotonic() > end:
                if done:
                    return rounds
                raise
            continue
        except KeyboardInterrupt:
            if not done:
                raise
            console.print("Interrupted: what was measured so far follows.")
            return rounds
        for key, one in found.items():
            rounds[key].append(one)
        after = "" if widest is None else f", widest interval ± {100 * widest:.1f} %"
        console.print(f"round {done + 1}{after}", highlight=False)


def ratios(rounds: Rounds, name: str, callers: int) -> tuple[Ratio, Ratio] | None:
    """Return rate and CPU time of a variant over the ceiling's; None without a ceiling."""
    mine, ceiling = rounds[name, callers], rounds.get((CEILING, callers), [])
    if not ceiling:
        return None
    rate = ratio_interval([one.point.rate for one in mine], [one.point.rate for one in ceiling])
    return rate, ratio_interval([one.point.cpu for one in mine], [one.point.cpu for one in ceiling])


def _widest(rounds: Rounds, names: Sequence[str], callers: Sequence[int]) -> float | None:
    every = [ratios(rounds, name, number) for name in names if name != CEILING for number in callers]
    return max((one.width for pair in every if pair is not None for one in pair), default=None)


def figures(rounds: Rounds, memory: Mapping[str, Sequence[Usage]]) -> list[dict[str, object]]:
    """Return the history's row of each variant and number of callers."""
    rows = []
    for (name, callers), measured in rounds.items():
        points = [one.point for one in measured]
        latencies = np.concatenate([point.latencies for point in points])
        row: dict[str, object] = {
            "variant": name,
            "callers": callers,
            "rounds": len(points),
            "images_per_s": f"{statistics.median(point.rate for point in points):.2f}",
            "p50_ms": f"{np.percentile(latencies, 50):.1f}",
            "p99_ms": f"{np.percentile(latencies, 99):.1f}",
            "cpu_ms": f"{statistics.median(point.cpu for point in points):.1f}",
        }
        if (both := ratios(rounds, name, callers)) is not None:
            for column, ratio in zip(("ratio", "cpu_ratio"), both, strict=True):
                first = "ratio_to_ceiling" if column == "ratio" else column
                values = {first: ratio.value, f"{column}_low": ratio.low, f"{column}_high": ratio.high}
                row |= {key: f"{value:.3f}" for key, value in values.items()}
        counts = [one.instructions for one in measured if one.instructions is not None]
        if counts:
            row["instructions_millions"] = f"{statistics.median(counts) / 1e6:.0f}"
        if memory.get(name):
            row["memory_mib"] = f"{sum(usage.pss for usage in memory[name]):.0f}"
        rows.append(row)
    return rows


def write_page(path: Path, setting: Setting, load: float, cores: Cores, rows: Sequence[Mapping[str, object]],
               memory: Mapping[str, Sequence[Usage]]) -> str:  # fmt: skip
    """Write and return the results page."""
    table = []
    for row in rows:
        both = [
            f"{row[value]} ({row[f'{name}_low']} to {row[f'{name}_high']})" if value in row else "-"
            for value, name in (("ratio_to_ceiling", "ratio"), ("cpu_ratio", "cpu_ratio"))
        ]
        table.append(
            [row["variant"], row["callers"], row["images_per_s"], both[0], f"{row['p50_ms']} / {row['p99_ms']}",
             row["cpu_ms"], both[1], row.get("instructions_millions", "-"), row.get("memory_mib", "-"), row["rounds"]]
        )  # fmt: skip
    names = ["variant", "callers", "images/s", "over the ceiling", "p50 / p99 ms", "CPU ms an image",
             "CPU over the ceiling", "million instructions", "memory MiB", "rounds"]  # fmt: skip
    page = [
        "# `identify` beside its ceiling",
        "",
        f"{setting.date} UTC, commit {setting.commit}, {setting.processor}, {setting.versions}.",
        f"Flags of the processor: {', '.join(processor_flags()) or 'unknown'}. {str(cores).capitalize()}; load of the",
        f"machine before: {load:.1f}.",
        "",
        *markdown(names, table),
        "",
        *(f"- `{name}`: {TITLES[name]}" for name in dict.fromkeys(str(row["variant"]) for row in rows)),
        "",
        "## Memory of each process, MiB",
        "",
        *markdown(
            ["variant", "process", "own and its share", "resident"],
            [[name, one.name, f"{one.pss:.0f}", f"{one.rss:.0f}"] for name, all_ in memory.items() for one in all_],
        ),
        "",
        "![history](history.png)",
        "",
        (__doc__ or "").strip().split("\n\n")[-1],
        "",
    ]
    path.write_text("\n".join(page), encoding="utf-8")
    return "\n".join(page[: page.index("## Memory of each process, MiB")])


def main(
    photos: PhotosOption = None,
    catalogue: CatalogueOption = None,
    variants: Annotated[str, typer.Option(help=f"Comma list of {', '.join(TITLES)}.")] = DEFAULT_VARIANTS,
    callers: Annotated[str, typer.Option(help="Requests in flight, a comma list.")] = "1,4",
    seconds: Annotated[float, typer.Option(min=0.3, max=30, help="Of each variant in a round.")] = 1.5,
    minutes: Annotated[float, typer.Option(min=0.2, help="At most, without starting the servers.")] = 8.0,
    within: Annotated[float, typer.Option(min=0.001, help="Half of an interval that is narrow enough.")] = 0.03,
    demo: Annotated[Path, typer.Option(help="Folder of the demo; made where it is missing.")] = DEMO,
    out: Out = RESULTS,
) -> None:
    """Measure in turns, append to the history, draw it, and print the table."""
    console = Console()
    names, numbers = chosen(variants, TITLES, "variant"), positive_numbers(callers)
    if CEILING not in names:
        raise InvalidInput(f"Ratios are of the variant {CEILING}: name it in --variants too.")
    if photos is None or catalogue is None:
        prepare_demo(console, demo)
    pictures = picture_files(photos or demo / "scenes")
    cores = Cores.parted(available())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    instructions = "" if can_count() else "; `perf` counts no instructions here"
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(pictures):
            (Path(folder) / f"{number:03}{path.suffix.lower()}").write_bytes(path.read_bytes())
        move_to(cores.servers)
        with console.status("Starting the servers …"), started(names, catalogue or demo / "catalogue") as (ready, _):
            move_to(cores.callers)
            console.print(f"{len(pictures)} pictures; {cores}{instructions}.", highlight=False)
            for variant in ready.values():
                _warm_up(variant, Path(folder), max(numbers))
            end = time.monotonic() + 60 * minutes
            rounds = run_rounds(ready, numbers, Path(folder), seconds, end, within, console)
            memory = {name: usages(one.pid) for name, one in ready.items() if isinstance(one, Served)}
    setting = Setting.of_this_machine(f"perf.bench.ledger, {len(pictures)} pictures, rounds of {seconds:g} s")
    rows = figures(rounds, memory)
    append(out / "history.csv", setting, load, rows)
    draw(out / "history.csv", out / "history.png")
    console.print(write_page(out / "bench.md", setting, load, cores, rows, memory), markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_command(main)
