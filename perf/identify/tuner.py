"""Run `whatsit tune` from its worst start and compare with the shipped values.

python -m perf.identify.tuner  # at most 15 minutes; after Ctrl-C the same command resumes
python -m perf.identify.tuner --minutes 4  # a shorter search

Writes perf/results/tuner.csv (start, shipped and found, measured in turn) and tuner_trials.csv (every trial).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from perf.common.command import CatalogueOption, PhotosOption, run_command
from perf.common.server_fixture import prepare_demo
from perf.common.setting import DEMO, RESULTS, Setting
from whatsit.cli.tune_report import print_outcome, trial_line
from whatsit.engines.repository import default_root
from whatsit.tuning.objective import Goal
from whatsit.tuning.trial_servers import TrialServers
from whatsit.tuning.tuner import Outcome, Task, Tuner, read_pictures

REPORT = Path(tempfile.gettempdir()) / "whatsit-tuner"
COLUMNS = [
    "name", "slo_p99_ms", "round", "concurrency", "images_per_s", "round_p99_ms", "p99_ms", "cpu_ms", "within_slo",
    "tuned_over_it", "low", "high", "configuration",
]  # fmt: skip


def main(
    slo_p99_ms: Annotated[float, typer.Option(help="99 of 100 calls shall be answered within this.")] = 300.0,
    minutes: Annotated[float, typer.Option(help="What everything may take.")] = 14.5,
    catalogue: CatalogueOption = None,
    photos: PhotosOption = None,
    report: Annotated[Path, typer.Option(help="Folder of the journal.")] = REPORT,
    fresh: Annotated[bool, typer.Option(help="Begin anew, whatever the journal holds.")] = True,
    out: Annotated[Path, typer.Option(help="Files OUT.csv and OUT_trials.csv.")] = RESULTS / "tuner",
) -> None:
    """Tune from the worst start and write the figures; the repository stays."""
    console = Console(highlight=False)
    if fresh:
        shutil.rmtree(report, ignore_errors=True)
    if catalogue is None or photos is None:
        prepare_demo(console)
    pictures = read_pictures(photos or DEMO / "scenes", 24)
    goal = Goal(slo_p99_ms)
    task = Task(default_root(), None, goal, pictures, 60 * minutes, "worst", None, report / "repository", report)
    tuner = None
    try:
        with (
            console.status("Preparing …") as status,
            TrialServers(task.root, None, catalogue or DEMO / "catalogue", pictures) as pool,
        ):
            tuner = Tuner(task, pool)
            outcome = tuner.run(
                lambda what: status.update(f"Trying {what} …"),
                lambda trial: console.print(trial_line(trial), soft_wrap=True, markup=False),
            )
    except KeyboardInterrupt:
        sys.exit("Stopped; every server has ended. With --no-fresh the same command goes on from here.")
    print_outcome(task, outcome, tuner, console)
    setting = Setting.of_this_machine(f"perf.identify.tuner, {len(pictures)} pictures, {minutes:g} minutes")
    setting.write(out.with_suffix(".csv"), COLUMNS, _rows(outcome, slo_p99_ms))
    trials = (report / "trials.csv").read_text(encoding="utf-8")
    out.with_name(f"{out.name}_trials.csv").write_text(trials, encoding="utf-8")
    console.print(f"Figures in {out.with_suffix('.csv')}", soft_wrap=True)


def _rows(outcome: Outcome, slo: float) -> Iterator[list[object]]:
    for one in outcome.confirmed:
        over = outcome.against.get(one.name)
        ratio = [f"{over.ratio:.3f}", *[f"{bound:.3f}" for bound in over.interval]] if over else ["", "", ""]
        values = ", ".join(f"{key}={value}" for key, value in one.configuration.to_record().items())
        for number, block in enumerate(one.measurement.blocks):
            yield [
                one.name, slo, number + 1, one.measurement.concurrency, f"{block.rate:.2f}", f"{block.p99_ms:.1f}",
                f"{one.measurement.p99_ms:.1f}", f"{block.cpu_ms:.1f}", int(one.met), *ratio, values,
            ]  # fmt: skip


if __name__ == "__main__":
    run_command(main)
