"""The reliability diagram of answers, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from whatsit_client.errors import Unavailable

from whatsit.calibration.answer_episodes import Episode
from whatsit.studies.answers.measure import answer_figures, reliability

INK, GREY, LINE = "#1f2933", "#9aa5b1", "#2f6fde"
COLUMNS = 3


def draw_reliability(seen: Mapping[str, Sequence[Episode]], file: Path) -> None:
    """Draw each domain's share of right answers over the stated probability.

    A dot's area is its number of photos.

    Raises:
        Unavailable: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise Unavailable("Drawing needs matplotlib: pip install matplotlib, or leave out --figure.") from error
    rows = -(-len(seen) // COLUMNS)
    figure = Figure(figsize=(3.3 * COLUMNS, 3.3 * rows), layout="constrained")
    for number, (name, of) in enumerate(seen.items(), start=1):
        axes = figure.add_subplot(rows, COLUMNS, number)
        bins = reliability(of)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        said, right = [one[0] for one in bins], [one[1] for one in bins]
        axes.plot(said, right, color=LINE, linewidth=1.2)
        axes.scatter(said, right, s=[12 + 2.0 * one[2] for one in bins], color=LINE, alpha=0.75, linewidths=0, zorder=3)
        off = answer_figures(of).calibration_error
        axes.set_title(name, fontsize=9, color=INK, loc="left")
        axes.text(0.04, 0.93, f"ECE {off:.3f}", fontsize=8, color=INK, va="top")
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.tick_params(labelsize=7, colors=INK, length=0)
        axes.grid(color="#e4e7eb", linewidth=0.6)
        for side in axes.spines.values():
            side.set_visible(False)
        if number > len(seen) - COLUMNS:
            axes.set_xlabel("stated probability", fontsize=8, color=INK)
        if number % COLUMNS == 1:
            axes.set_ylabel("share that is right", fontsize=8, color=INK)
    try:
        figure.savefig(file, dpi=150)
    except OSError as error:
        raise Unavailable(f"The diagram {file} cannot be written ({error}).") from error
