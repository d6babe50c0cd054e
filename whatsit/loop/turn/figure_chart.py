"""Chart of figures before and after, with their noise, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from whatsit.catalogue.owner_report.report_page import INK, LINE, SOFT

BEFORE, BETTER, WORSE, SAME = "#98a2b3", "#1f9d6b", "#d6455d", "#2457d6"
COLOURS = {"better": BETTER, "worse": WORSE, "within noise": SAME}
_ROW, _LEFT, _RIGHT, _WIDTH, _TOP = 58, 240, 196, 816, 30


def figure_chart(figures: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each figure: both values, their errors, and the band of noise.

    Args:
        figures: records of `whatsit.loop.turn.gate.Judged`.
    """
    lowest = min((min(one["before"], one["after"]) - one["noise"] for one in figures), default=0.0)
    low = max(0.0, (int(100 * lowest - 3) // 10) / 10)
    height = _TOP + _ROW * len(figures) + 26
    span = _WIDTH - _LEFT - _RIGHT

    def x(share: float) -> float:
        return _LEFT + span * (min(max(share, low), 1.0) - low) / (1.0 - low)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" role="img" '
        f'aria-label="Recall at 1 before and after" font-size="13" fill="{INK}">'
    ]
    steps = 5 if 1.0 - low <= 0.5 else 10
    for percent in range(round(100 * low), 101, 2 * steps):
        at = x(percent / 100)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 8}" y2="{height - 24}" stroke="{LINE}"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{height - 6}" text-anchor="middle" fill="{SOFT}" font-size="12">{percent} %</text>'
        )
    parts.append(_legend())
    for number, one in enumerate(figures):
        parts.append(_row(one, _TOP + _ROW * number + _ROW / 2, x))
    return "".join([*parts, "</svg>"])


def _legend() -> str:
    words = f'<g transform="translate({_LEFT},2)" fill="{SOFT}" font-size="12">'
    serving = f'<circle cx="5" cy="7" r="5" fill="#fff" stroke="{BEFORE}" stroke-width="2.5"/>'
    return (
        f'{words}{serving}<text x="16" y="11">serving</text>'
        f'<circle cx="83" cy="7" r="5.5" fill="{BETTER}"/><text x="94" y="11">new</text>'
        f'<rect x="138" y="1" width="30" height="12" rx="6" fill="#e4e9f2"/>'
        f'<text x="175" y="11">noise of the difference</text>'
        f'<path d="M322 7h26M322 3v8M348 3v8" stroke="{SOFT}" fill="none"/>'
        f'<text x="355" y="11">standard error</text></g>'
    )


def _row(one: Mapping[str, Any], y: float, x: Any) -> str:
    colour = COLOURS[one["verdict"]]
    before, after, noise = x(one["before"]), x(one["after"]), one["noise"]
    left, right = x(one["before"] - noise), x(one["before"] + noise)
    difference = 100 * (one["after"] - one["before"])
    error = one["after_error"]
    bar = f"M{x(one['after'] - error):.1f} {y}H{x(one['after'] + error):.1f}"
    return (
        f'<text x="0" y="{y - 2}" font-weight="600">{escape(one["name"])}</text>'
        f'<text x="0" y="{y + 15}" fill="{SOFT}" font-size="12">{one["queries"]:,} photos</text>'
        f'<rect x="{left:.1f}" y="{y - 11}" width="{max(right - left, 2):.1f}" height="22" rx="11" fill="#e4e9f2"/>'
        f'<line x1="{before:.1f}" x2="{after:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3" opacity=".45"/>'
        f'<path d="{bar}" stroke="{colour}" stroke-width="1.5"/>'
        f'<circle cx="{before:.1f}" cy="{y}" r="6.5" fill="#fff" stroke="{BEFORE}" stroke-width="3"/>'
        f'<circle cx="{after:.1f}" cy="{y}" r="7" fill="{colour}"/>'
        f'<text x="{_WIDTH}" y="{y - 2}" text-anchor="end" font-weight="650" fill="{colour}">'
        f"{difference:+.1f} points</text>"
        f'<text x="{_WIDTH}" y="{y + 15}" text-anchor="end" fill="{SOFT}" font-size="12">'
        f"{100 * one['before']:.1f} → {100 * one['after']:.1f} % · {one['verdict']}</text>"
    )
