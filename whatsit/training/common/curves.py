"""The curves of a run as a picture beside `metrics.csv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_UNPLOTTED = frozenset({"epoch", "minutes"})
_COLOURS = [
    "#3366aa",
    "#cc6633",
    "#228866",
    "#aa3377",
    "#999933",
    "#66aacc",
    "#882255",
    "#777777",
    "#dd9900",
    "#332288",
]


def draw_curves(
    history: Sequence[Mapping[str, float]], best: Mapping[str, float], monitor: str | None, file: Path
) -> None:
    """Draw the losses above, what validation measured below, over epochs.

    Args:
        history: a row for each validation: epoch, minutes, `train_…` and validation metrics, as in `metrics.csv`.
        best: the row whose weights are in `best.pt`; a dotted line marks it.
        monitor: the metric that chose it; its curve is drawn thicker.
        file: the PNG to write; a reader never sees half of it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in dict.fromkeys(name for row in history for name in row) if name not in _UNPLOTTED]
    trained = [name for name in names if name.startswith("train_")]
    others = [name for name in names if name not in trained]
    panels = [(title, part) for title, part in (("training loss", trained), ("validation", others)) if part]
    figure = Figure(figsize=(8, 0.6 + 3.0 * len(panels)))
    figure.subplots_adjust(
        left=0.09, right=0.7, top=0.97, bottom=0.08, hspace=0.25
    )  # thrice as fast as a layout engine
    for place, (title, part) in enumerate(panels, start=1):
        axes = figure.add_subplot(len(panels), 1, place)
        for number, name in enumerate(part):
            points = [(row["epoch"], row[name]) for row in history if name in row]
            axes.plot(
                *zip(*points, strict=True),
                color=_COLOURS[number % len(_COLOURS)],
                linestyle="-" if number < len(_COLOURS) else "--",
                linewidth=2.6 if name == monitor else 1.3,
                marker="o",
                markersize=3,
                label=f"{name.removeprefix('train_')} {points[-1][1]:.3g}",
            )
        if best:
            axes.axvline(best["epoch"], color="#444444", linestyle=":", linewidth=1)
        _dress(axes, title)
    part_file = file.with_suffix(".part")
    FigureCanvasAgg(figure)
    figure.savefig(part_file, format="png")
    part_file.replace(file)


def _dress(axes: Any, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    # Beside the curves and not over them; the figures are those of the last validation.
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
