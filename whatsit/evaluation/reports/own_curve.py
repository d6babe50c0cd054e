"""Threshold curve of photos of one's own as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whatsit_client.errors import Unavailable

from whatsit.evaluation.metrics.answer_quality import CurvePoint, Share, wilson
from whatsit.evaluation.reports.own_report import OwnReport

INK, MUTED, FAINT = "#15181e", "#667080", "#e4e7ec"
RIGHT, WRONG, ABSENT = "#1e9e5a", "#d7263d", "#e08a00"
_LINES = (
    ("right", RIGHT, "right"),
    ("wrong", WRONG, "wrong"),
    ("absent", ABSENT, "answer to\nnothing"),
)
_AXIS = {
    "probability": "probability from which on there is an answer",
    "confidence": "confidence from which on there is an answer",
    "score": "score from which on there is an answer",
}


def draw_threshold_curve(report: OwnReport, file: Path, before: OwnReport | None = None) -> None:
    """Draw answers at every threshold, and right ones against wrong ones.

    Args:
        report: the answers.
        file: the PNG.
        before: an earlier report, drawn in grey.

    Raises:
        Unavailable: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise Unavailable("The curve needs matplotlib: pip install matplotlib.") from error
    figure = Figure(figsize=(11, 5), facecolor="white")
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.15, 1]})
    figure.subplots_adjust(left=0.065, right=0.965, top=0.77, bottom=0.13, wspace=0.36)
    figure.text(0.065, 0.945, "Answers to photos of your own", color=INK, fontsize=15, weight="bold", va="center")
    figure.text(0.065, 0.892, _subtitle(report), color=MUTED, fontsize=9.5, va="center")
    _draw_by_threshold(left, report)
    _draw_trade(right, report, before)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=150)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written ({error}): choose another --out.") from error


def _subtitle(report: OwnReport) -> str:
    found = report.measures
    known, absent = found["right"].of, found["absent_wrong"].of
    parts = [f"{known} photos of known items" if known else "", f"{absent} photos of nothing" if absent else ""]
    parts.append(f"bands: 95 % Wilson intervals   ·   {report.created[:16].replace('T', ' ')} UTC")
    return "   ·   ".join(part for part in parts if part)


def _draw_by_threshold(axes: Any, report: OwnReport) -> None:
    """Draw the shares against the threshold, with bands and names."""
    _dress(axes, "Where answers begin", "share of the photos")
    curve, found = report.curve, report.measures
    sizes = {"right": found["right"].of, "wrong": found["wrong"].of, "absent": found["absent_wrong"].of}
    low, high = (curve[0].threshold, curve[-1].threshold) if curve else (0.0, 1.0)
    room = max(high - low, 1e-3)
    places: list[tuple[float, str, str]] = []
    for name, colour, label in _LINES:
        if not sizes[name] or not curve:
            continue
        steps, shares = [p.threshold for p in curve], [_share(p, name) for p in curve]
        bands = [wilson(round(share * sizes[name]), sizes[name]) for share in shares]
        axes.fill_between(
            steps, [b[0] for b in bands], [b[1] for b in bands], color=colour, alpha=0.13, linewidth=0, step="pre"
        )
        axes.step(steps, shares, color=colour, linewidth=2, where="pre", solid_capstyle="round")
        places.append((shares[0], label, colour))
    for height, label, colour in _apart(places):
        axes.text(low - 0.025 * room, height, label, color=colour, fontsize=9.5, weight="bold", ha="right", va="center",
                  linespacing=0.95)  # fmt: skip
    axes.set_xlim(low - 0.22 * room, high + 0.02 * room)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(_AXIS.get(report.certainty, "threshold"), color=MUTED, fontsize=9.5, labelpad=7)
    if report.answered_from is not None:
        axes.axvline(report.answered_from, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        side = "left" if report.answered_from < low + 0.6 * room else "right"
        shift = 0.012 * room * (1 if side == "left" else -1)
        axes.text(report.answered_from + shift, 1.0, f"now {report.answered_from:.2f}", color=INK, fontsize=9, ha=side,
                  va="top")  # fmt: skip


def _draw_trade(axes: Any, report: OwnReport, before: OwnReport | None) -> None:
    """Draw right answers against answers to photos of nothing.

    Where there is no such photo, against wrong answers.
    """
    found = report.measures
    name, key, what = ("absent", "absent_wrong", "photos of nothing that get an answer")
    if not found["absent_wrong"].of:
        name, key, what = ("wrong", "wrong", "photos of known items that get a wrong answer")
    _dress(axes, "What right answers cost", "known items answered right")
    axes.set_xlabel(what, color=MUTED, fontsize=9.5, labelpad=7)
    if before is not None and before.measures[key].of:
        _trade_line(axes, before.curve, name, "#a5adba", 1.6)
        _dot(axes, before.measures[key], before.measures["right"], "#8b94a3", "before")
    _trade_line(axes, report.curve, name, RIGHT, 2.2)
    _dot(axes, found[key], found["right"], INK, "now")
    ends = [_share(point, name) for point in report.curve] + [found[key].interval[1]]
    axes.set_xlim(-0.012, min(1.0, max(0.1, max(ends) * 1.06)))
    axes.set_ylim(0, 1.02)


def _trade_line(axes: Any, curve: Sequence[CurvePoint], name: str, colour: str, width: float) -> None:
    costs, gains = [_share(point, name) for point in curve], [_share(point, "right") for point in curve]
    axes.plot([*costs, 0.0], [*gains, 0.0], color=colour, linewidth=width, solid_joinstyle="round")


def _dot(axes: Any, cost: Share, gain: Share, colour: str, label: str) -> None:
    """Draw an operating point with the intervals of both shares."""
    x, y = cost.value, gain.value
    axes.plot([x, x], gain.interval, color=colour, linewidth=1.1, solid_capstyle="round", zorder=4)
    axes.plot(cost.interval, [y, y], color=colour, linewidth=1.1, solid_capstyle="round", zorder=4)
    axes.plot([x], [y], "o", color="white", markersize=9, zorder=5)
    axes.plot([x], [y], "o", color=colour, markersize=6.5, zorder=6)
    axes.annotate(
        f"{label}: {y:.0%} right, {x:.1%} wrong", (x, y), (9, -9), textcoords="offset points", color=colour, fontsize=9,
        va="top", zorder=7, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )  # fmt: skip


def _dress(axes: Any, title: str, what: str) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.set_title(f"{title}\n", loc="left", color=INK, fontsize=11.5, weight="bold", pad=5)
    axes.text(0, 1.02, what, transform=axes.transAxes, color=MUTED, fontsize=9.5, va="bottom")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#b8c0cc")
    axes.grid(axis="y", color=FAINT, linewidth=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, colors=MUTED, labelsize=9)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if title != "Where answers begin":
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _apart(places: Sequence[tuple[float, str, str]], gap: float = 0.075) -> list[tuple[float, str, str]]:
    """Return the labels moved up where they would lie on each other."""
    placed: list[tuple[float, str, str]] = []
    for height, label, colour in sorted(places):
        least = placed[-1][0] + gap * (1 + placed[-1][1].count("\n")) if placed else 0.0
        placed.append((max(height, least), label, colour))
    return placed


def _share(point: CurvePoint, name: str) -> float:
    value = getattr(point, name)
    return 0.0 if value is None else float(value)
