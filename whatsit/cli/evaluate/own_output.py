"""What `whatsit evaluate own` prints and draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.evaluation.metrics.answer_quality import Share
    from whatsit.evaluation.reports.own_report import Change, OwnReport

_KNOWN = ("found_first", "found_in_five", "right", "wrong", "unsure", "unsure_shown", "silent", "not_searched")
_ABSENT = ("absent_wrong", "absent_unsure", "absent_silent")
_COLOURS = {"right": "green", "wrong": "red", "absent_wrong": "red", "absent_silent": "green"}


def print_report(report: OwnReport, before: OwnReport | None) -> None:
    """Print the shares with their intervals, beside those of an earlier report."""
    from rich.console import Console
    from rich.table import Table

    from whatsit.evaluation.reports.own_report import LABELS, compare

    console = Console(width=None if Console().is_terminal else 120)
    now, earlier = report.measures, None if before is None else before.measures
    for names, title in ((_KNOWN, "photos of known items"), (_ABSENT, "photos of nothing that the catalogue holds")):
        count = now[names[0]].of
        if not count:
            continue
        table = Table(title=f"{count} {title}", title_justify="left", title_style="bold")
        table.add_column("")
        for column in ("photos", "share", "95 %") if earlier is None else ("before", "now", "95 % now", "change"):
            table.add_column(column, justify="right", no_wrap=True)
        for name in names:
            share = now[name]
            if not share.of or (name in ("unsure", "unsure_shown", "absent_unsure", "not_searched") and not share.count
                                and (earlier is None or not earlier[name].count)):  # fmt: skip
                continue
            table.add_row(
                LABELS[name], *_cells(share, None if earlier is None else earlier[name]), style=_COLOURS.get(name, "")
            )
        console.print(table)
    unread = sum(one.state == "unreadable" for one in report.answers)
    if unread:
        console.print(f"{unread} photos could not be read and do not count.", highlight=False)
    if before is not None:
        console.print(_changed(compare(before, report)), highlight=False, soft_wrap=True)


def draw_report(
    report: OwnReport,
    before: OwnReport | None,
    picture: Callable[[str], bytes | None],
    out: Path,
    mistakes: int,
    console: Console,
) -> None:
    """Write `curve.png` and `mistakes.png`, and print where they are."""
    from whatsit_client.errors import Unavailable

    from whatsit.evaluation.reports.mistake_sheet import draw_mistakes, hardest_mistakes
    from whatsit.evaluation.reports.own_curve import draw_threshold_curve

    try:
        draw_threshold_curve(report, out / "curve.png", before)
        console.print(f"Threshold curve: {out / 'curve.png'}", highlight=False, markup=False, soft_wrap=True)
    except Unavailable as error:
        console.print(str(error), highlight=False, markup=False, soft_wrap=True)
    if mistakes:
        draw_mistakes(hardest_mistakes(report.answers, mistakes), picture, report.certainty, out / "mistakes.png")
        console.print(f"Hardest mistakes: {out / 'mistakes.png'}", highlight=False, markup=False, soft_wrap=True)


def _cells(share: Share, before: Share | None) -> tuple[str, ...]:
    low, high = share.interval
    limits = f"{low:.1%} to {high:.1%}"
    if before is None:
        return str(share.count), f"{share.value:.1%}", limits
    earlier = f"{before.value:.1%}" if before.of else "-"
    change = f"{100 * (share.value - before.value):+.1f}" if before.of else ""
    return earlier, f"{share.value:.1%}", limits, change


def _changed(change: Change) -> str:
    """Return what changed on the photos of both runs, in one or two sentences."""
    if not change.both:
        return "No photo is in both reports: there is nothing to compare photo by photo."
    chance = f" (chance alone: p = {change.chance:.2g})" if change.gained != change.lost else ""
    return (
        f"Of {change.both} photos in both: {change.gained} are answered right now and were not before, {change.lost} "
        f"were and are not any more{chance}; wrong answers: {change.false_gained} new, {change.false_lost} gone."
    )
