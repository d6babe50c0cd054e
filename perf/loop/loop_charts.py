"""Charts of the measured loops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

_INK, _SOFT, _BEFORE, _NEW, _KNOWN = "#1c2430", "#667085", "#c3cad5", "#1f9d6b", "#2457d6"
_CLEANING = {"checked": "cleaned", "tolerant": "cleaned, any share refused", "unchecked": "not cleaned"}


def draw_turns(rows: Sequence[Mapping[str, str]], target: Path) -> None:
    """Draw R@1 of the network that serves before and after each turn, for new and known classes.

    Args:
        rows: lines of loop_turns.csv.
        target: the PNG.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    ordered = sorted(rows, key=lambda row: (float(row["wrong_share"]), row["cleaning"], row["blend"]))
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.95 * len(ordered) + 1.6), sharey=True, sharex=True)
    parts = (
        ("unseen", "16 new classes: photos nothing has seen", _NEW),
        ("known", "65 known classes: val photos", _KNOWN),
    )
    for axis, (name, title, colour) in zip(axes, parts, strict=True):
        for place, row in enumerate(ordered):
            count = int(row["unseen_photos" if name == "unseen" else "known_photos"])
            before, after = (float(row[f"{name}_r1_{when}"]) for when in ("before", "after"))
            candidate = row[f"candidate_{name}_r1"]
            error = math.sqrt(after * (1 - after) / count)
            axis.plot([100 * before, 100 * after], [place, place], color=colour, lw=3, alpha=0.4, zorder=1)
            axis.errorbar(100 * after, place, xerr=100 * error, color=colour, lw=1.4, capsize=3, zorder=2)
            axis.scatter(100 * before, place, s=85, color="white", edgecolor=_BEFORE, linewidth=2.5, zorder=3)
            axis.scatter(100 * after, place, s=85, color=colour, zorder=4)
            if candidate and abs(float(candidate) - after) > 1e-6:
                axis.scatter(100 * float(candidate), place, s=70, marker="x", color="#d6455d", zorder=5)
            words = (
                f"{100 * before:.1f} → {100 * after:.1f}"
                if abs(after - before) > 1e-6
                else f"{100 * after:.1f}, unchanged"
            )
            axis.annotate(
                words, (100 * after, place), (0, 11), textcoords="offset points", ha="center", fontsize=9, color=_INK
            )
        axis.set_title(title, loc="left", fontsize=12, color=_INK, pad=14, fontweight="bold")
        axis.set_xlabel("R@1 among all 81 items, %", color=_SOFT)
        axis.grid(axis="x", color="#e4e7ec")
        axis.set_axisbelow(True)
        axis.tick_params(length=0, colors=_SOFT)
        axis.margins(x=0.14)
        for side in axis.spines.values():
            side.set_visible(False)
    labels = [
        f"{100 * float(row['wrong_share']):.0f} % wrong, {_CLEANING[row['cleaning']]}, blend {row['blend']}\n"
        f"{row['outcome']}"
        for row in ordered
    ]
    axes[0].set_yticks(range(len(ordered)), labels, color=_INK)
    axes[0].set_ylim(len(ordered) - 0.4, -0.7)
    figure.text(0.01, 0.012, "ring: before · dot with standard error: the network that serves after it · cross: a "
                "network that was refused", fontsize=9, color=_SOFT)  # fmt: skip
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(target, dpi=130)
    plt.close(figure)
