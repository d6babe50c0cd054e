"""What `whatsit tune` prints."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.tuning.confirmation import RateComparison
    from whatsit.tuning.trial_log import Trial
    from whatsit.tuning.tuner import Outcome, Task, Tuner


def trial_line(trial: Trial) -> str:
    """One trial in one line."""
    what = trial.change or "the configuration to begin with"
    if trial.verdict == "failed":
        return f"{trial.number:3}  failed     {what}: {trial.reason}"
    figures = f"{trial.images_per_s:6.1f} images/s, p99 {trial.p99_ms:5.0f} ms, {trial.concurrency} in flight"
    gain = ""
    if trial.pairs:
        error = f" ± {trial.error_percent:.1f}" if math.isfinite(trial.error_percent) else ""
        gain = f", {trial.gain_percent:+.1f}{error} %"
    return f"{trial.number:3}  {trial.verdict:9}  {figures}{gain}  {what}"


def print_outcome(task: Task, outcome: Outcome, tuner: Tuner, console: Console) -> None:
    """The table of the comparison, and what to do with the outcome."""
    from rich.table import Table

    table = Table("", "images/s", "p99 ms", "in flight", "CPU ms a picture", "calls", title="Measured in turn")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in outcome.confirmed:
        measurement = one.measurement
        rates = sorted(block.rate for block in measurement.blocks)
        late = "" if one.met else " (too late)"
        table.add_row(
            one.name, f"{measurement.rate:.1f} ({rates[0]:.1f}-{rates[-1]:.1f})", f"{measurement.p99_ms:.0f}{late}",
            str(measurement.concurrency), f"{measurement.cpu_ms:.0f}", str(len(measurement.latencies_ms)),
        )  # fmt: skip
    console.print(table)
    for name, comparison in outcome.against.items():
        low, high = comparison.interval
        console.print(f"tuned over {name}: {comparison.ratio:.2f} ({low:.2f}-{high:.2f}), {_word(comparison)}")
    console.print(f"tuned, against shipped: {outcome.best.changes_from(tuner.shipped)}", soft_wrap=True)
    if not any(one.met for one in outcome.confirmed):
        console.print(
            f"No configuration answers 99 of 100 calls within {task.goal.slo_p99_ms:g} ms on this machine; "
            "shown is what comes nearest. Allow more with --slo-p99-ms, or look up fewer regions with --min-regions.",
            soft_wrap=True,
        )
    console.print(f"{len(tuner.log.trials)} trials in {task.report}/trials.csv", soft_wrap=True)
    if outcome.written:
        where = f" --repository {task.out}" if task.out else ""
        console.print(f"Written: configs/tuned.pbtxt of {len(outcome.written)} models; `whatsit serve --config tuned"
                      f"{where}` takes them.", soft_wrap=True)  # fmt: skip
    else:
        console.print("Nothing was written: no configuration was found that beats the shipped one.", soft_wrap=True)


def print_json(task: Task, outcome: Outcome) -> None:
    """The outcome for machines."""
    print(json.dumps(to_record(task, outcome), indent=2))


def to_record(task: Task, outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON."""
    return {
        "slo_p99_ms": task.goal.slo_p99_ms,
        "configuration": outcome.best.to_record(),
        "confirmed": {
            one.name: {
                "images_per_s": [round(block.rate, 2) for block in one.measurement.blocks],
                "p99_ms": round(one.measurement.p99_ms, 1),
                "cpu_ms": round(one.measurement.cpu_ms, 1),
                "concurrency": one.measurement.concurrency,
                "within_slo": one.met,
            }
            for one in outcome.confirmed
        },
        "tuned_over": {
            name: {"ratio": round(one.ratio, 3), "low": round(one.interval[0], 3), "high": round(one.interval[1], 3),
                   "verdict": _word(one)}
            for name, one in outcome.against.items()
        },
        "written": [str(path) for path in outcome.written],
    }  # fmt: skip


def _word(comparison: RateComparison) -> str:
    return "better" if comparison.better else "worse" if comparison.worse else "as good, within noise"
