"""Charts of the scan network's results.

python -m perf.scan.network_chart  # perf/results/scan_ablation.png: recall against milliseconds of the variants
python -m perf.scan.network_chart --metrics build/runs/scan/metrics.csv  # a run's validation, too
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from perf.common.command import Out, run_command
from perf.common.setting import RESULTS
from perf.common.tables import chart, read_rows

_SETS = {
    "scenes": "20 scenes of coco128",
    "products": "groceries, garments",
    "photos": "photos",
    "shop": "drawn scenes",
}


def draw_ablation(results: Path) -> None:
    """Draw each variant's recall, mean and both seeds, against its time."""
    times = {row["variant"]: float(row["ms_median"]) for row in read_rows(results / "scan_ablation_ms.csv")}
    recalls: dict[str, list[float]] = defaultdict(list)
    for row in read_rows(results / "scan_ablation.csv"):
        recalls[row["variant"]].append(100 * float(row["recall"]))
    with chart(
        results / "scan_ablation.png", ("ms a frame, ncnn, one thread of a shared machine", "recall of 20 boxes, %")
    ) as axes:
        for name, values in recalls.items():
            mean = sum(values) / len(values)
            low, high = mean - min(values), max(values) - mean
            axes.errorbar(times[name], mean, yerr=[[low], [high]], fmt="o", capsize=4, label=name)


def draw_training(metrics: Path, results: Path) -> None:
    """Draw the validation recall of a run against its minutes."""
    rows = read_rows(metrics)
    minutes = [float(row["minutes"]) for row in rows]
    with chart(
        results / "scan_training.png", ("minutes of training, one shared thread", "recall of 20 boxes, %")
    ) as axes:
        for name, title in _SETS.items():
            axes.plot(minutes, [100 * float(row[f"recall_{name}"]) for row in rows], marker="o", label=title)


def main(
    metrics: Annotated[Path | None, typer.Option(help="metrics.csv of a run of `whatsit train scan`.")] = None,
    out: Out = RESULTS,
) -> None:
    """Draw the charts."""
    if metrics is not None:
        draw_training(metrics, out)
    draw_ablation(out)


if __name__ == "__main__":
    run_command(main)
