"""Charts of the measurements on crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

INK, SOFT, LINE = "#1c2430", "#667085", "#e4e7ec"
COLOURS = {
    "found": "#d9480f",
    "skewed_found": "#f2a065",
    "best_crop": "#98a2b3",
    "found_and_named": "#2457d6",
    "clicks_found_and_named": "#1f9d6b",
}
NAMES = {
    "found": "found, cropped alike",
    "skewed_found": "found, by attention",
    "best_crop": "some single crop is right",
    "found_and_named": "found, named by results",
    "clicks_found_and_named": "found, named with clicks",
}


def draw_curve(rows: Sequence[Mapping[str, float]], file: Path) -> None:
    """Draw the share of things found and named against crops of each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    counts = [row["crops"] for row in rows]
    figure, axes = pyplot.subplots(figsize=(8, 4.8), dpi=150)
    place = 200.0
    for name in sorted(COLOURS, key=lambda one: -rows[-1][one]):
        shares = [100 * row[name] for row in rows]
        style, colour = "--" if name == "best_crop" else "-", COLOURS[name]
        axes.plot(counts, shares, style, color=colour, lw=2.4, marker="o", ms=6, mec="white", mew=1.5)
        place = min(shares[-1], place - 6)  # labels stand apart
        axes.annotate(f"{shares[-1]:.0f} %  {NAMES[name]}", (counts[-1], place), (12, 0), color=colour,
                      textcoords="offset points", va="center", fontsize=9.5)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(round(count)) for count in counts])
    axes.minorticks_off()
    axes.set_ylim(0, 104)
    axes.set_xlim(0.9, 34)
    axes.set_xlabel("crops of a thing", color=SOFT)
    axes.set_ylabel("of 188 things in 28 scenes, %", color=SOFT)
    axes.grid(axis="y", color=LINE)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(colors=SOFT, length=0)
    axes.set_title("Boxes and names from crops", loc="left", color=INK, fontsize=14, pad=14, weight="bold")
    figure.subplots_adjust(left=0.09, right=0.68, bottom=0.13, top=0.88)
    figure.savefig(file)
