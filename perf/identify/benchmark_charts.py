"""Charts: stages of a request, and latency against throughput."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perf.common.tables import chart
from perf.identify.benchmark_report import BETWEEN, OUTSIDE, Row
from perf.identify.stage_times import LatencyBreakdown

COLOURS = {"queue": "#c9c9c9", "copy_in": "#f4a261", "compute": "#2a6f97", "copy_out": "#e76f51"}
NAMES = {"queue": "queue", "copy_in": "copy in", "compute": "compute", "copy_out": "copy out"}
LINES = {
    "ensemble": "#2a6f97", "fused": "#61a5c2", "ceiling": "#000000", "fastapi": "#2a9d8f", "fastapi-untuned": "#e9c46a",
    "each-model": "#e76f51", "bls": "#8d5a97",
}  # fmt: skip


def draw(out: Path, rows: Sequence[Row], breakdowns: Sequence[LatencyBreakdown]) -> list[Path]:
    """Write `OUT_stages.png` and `OUT.png`; the paths of what was written."""
    import matplotlib

    matplotlib.use("Agg")
    written = []
    if chained := [one for one in breakdowns if one.variant == "ensemble"]:
        written.append(_bars(out.with_name(f"{out.name}_stages.png"), chained))
    if rows:
        written.append(_curves(out.with_suffix(".png"), rows))
    return written


def _bars(path: Path, breakdowns: Sequence[LatencyBreakdown]) -> Path:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(breakdowns), figsize=(1.2 + 3.6 * len(breakdowns), 4.2), squeeze=False, sharey=True
    )
    for axis, one in zip(axes[0], breakdowns, strict=True):
        for place, stage in enumerate(one.stages):
            left = 0.0
            for part, colour in COLOURS.items():
                width = getattr(stage, part)
                shade = 0.35 if stage.beside else 1.0
                axis.barh(place, width, left=left, color=colour, alpha=shade, label=NAMES[part] if place == 0 else None)
                left += width
        names = [stage.name + (" (beside)" if stage.beside else "") for stage in one.stages]
        for name, time in ((BETWEEN, one.scheduling), (OUTSIDE, one.transport)):
            axis.barh(len(names), max(time, 0.0), color="#6c757d")
            names.append(name)
        axis.set_yticks(range(len(names)), names)
        axis.set_title(f"{one.callers} caller{'s' * (one.callers > 1)}: {one.latency:.1f} ms")
        axis.set_xlabel("ms per image, mean")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].invert_yaxis()
    figure.legend(*axes[0][0].get_legend_handles_labels(), frameon=False, loc="lower center", ncols=len(COLOURS))
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def _curves(path: Path, rows: Sequence[Row]) -> Path:
    labels = "images per second (median, lowest and highest round)", "latency, ms (median)"
    with chart(path, labels, (7.5, 4.8), title="small numbers: callers") as axis:
        for variant, colour in LINES.items():
            line = sorted((row for row in rows if row.variant == variant), key=lambda row: row.callers)
            rates = np.array([[min(row.rates()), statistics.median(row.rates()), max(row.rates())] for row in line])
            if not line:
                continue
            waits = [statistics.median(row.medians()) for row in line]
            style, spread = "--" if variant == "ceiling" else "-", np.abs(rates[:, ::2] - rates[:, 1:2]).T
            axis.errorbar(rates[:, 1], waits, xerr=spread, marker="o", ms=4, ls=style, color=colour, label=variant)
            for rate, wait, row in zip(rates[:, 1], waits, line, strict=True):
                axis.annotate(str(row.callers), (rate, wait), xytext=(5, 4), textcoords="offset points", color=colour)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
    return path
