"""History of the ledger: one line a variant and commit, and its plot."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from perf.common.setting import Setting
from perf.common.tables import read_rows
from whatsit.engines.processor_flags import processor_flags

FIGURES = (
    "variant", "callers", "rounds", "images_per_s", "ratio_to_ceiling", "ratio_low", "ratio_high", "p50_ms", "p99_ms",
    "cpu_ms", "cpu_ratio", "cpu_ratio_low", "cpu_ratio_high", "instructions_millions", "memory_mib",
)  # fmt: skip
COLUMNS = (*Setting.columns(), "flags", "load", *FIGURES)


def append(path: Path, setting: Setting, load: float, rows: Sequence[Mapping[str, object]]) -> None:
    """Append the figures of one run.

    Args:
        path: of the CSV file, made where it is missing.
        setting: of the run.
        load: average load of the machine when the run began, ours not counted: other work disturbs.
        rows: values of `FIGURES`.
    """
    is_new = not path.is_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        for row in rows:
            common = [*setting.values(), " ".join(processor_flags()), f"{load:.1f}"]
            writer.writerow([*common, *(row.get(name, "") for name in FIGURES)])


def draw(path: Path, picture: Path) -> None:
    """Draw CPU time and rate of each variant over the runs, those of the last run's processor."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read_rows(path)
    if not rows:
        return
    here = rows[-1]["processor"], rows[-1]["cores"]
    rows = [row for row in rows if (row["processor"], row["cores"]) == here]
    callers = max((row["callers"] for row in rows), key=int)
    rows = [row for row in rows if row["callers"] == callers]
    runs = list(dict.fromkeys((row["date"], row["commit"]) for row in rows))
    panels = ("cpu_ms", "CPU ms an image"), ("ratio_to_ceiling", f"images/s over the ceiling, {callers} callers")
    figure, both = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for axes, (column, label) in zip(both, panels, strict=True):
        for variant in dict.fromkeys(row["variant"] for row in rows):
            points = [
                (runs.index((row["date"], row["commit"])), float(row[column]), row)
                for row in rows
                if row["variant"] == variant and row[column]
            ]
            if not points:
                continue
            x, y = [point[0] for point in points], [point[1] for point in points]
            spread = None
            if column == "ratio_to_ceiling":
                spread = [
                    [value - float(row["ratio_low"]) for _, value, row in points],
                    [float(row["ratio_high"]) - value for _, value, row in points],
                ]
            axes.errorbar(x, y, yerr=spread, marker="o", markersize=4, capsize=3, linewidth=1.2, label=variant)
        axes.set_xticks(range(len(runs)), [commit.removesuffix("+") for _, commit in runs], rotation=45, fontsize=8)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.15)
        axes.grid(alpha=0.3)
    both[1].axhline(1, color="black", linewidth=0.8)
    both[0].legend(fontsize=8)
    figure.suptitle(f"{here[0]}, {here[1]} cores", fontsize=10)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
