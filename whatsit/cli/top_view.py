"""An `Overview` as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from whatsit.serving.metrics.overview import ENSEMBLES, Overview

_BARS = " ▁▂▃▄▅▆▇█"
_NONE = "–"


_WIDE = 116  # columns that four blocks need side by side


def view(overview: Overview, url: str, rates: Sequence[float], width: int, note: str = "") -> RenderableType:
    """Return the whole screen.

    Args:
        overview: what to show.
        url: of the metrics page.
        rates: answered requests a second at the looks before and now, oldest first.
        width: of the terminal, columns.
        note: a sentence of what is wrong, "" for nothing.
    """
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    head.add_row(Text.assemble(("Whatsit ", "bold"), (url, "dim")), Text("q ends", style="dim"))
    panels = Table.grid(expand=True)
    blocks = (
        ("Requests", _requests(overview, rates)),
        ("Pictures", _pictures(overview)),
        ("Catalogue", _catalogue(overview)),
        ("Machine", _machine(overview)),
    )
    a_row = len(blocks) if width >= _WIDE else 2
    for _ in range(a_row):
        panels.add_column(ratio=1)
    rows = max(len(facts) for _, facts in blocks)
    boxes = [Panel(_facts(facts, rows), title=title, title_align="left", box=box.ROUNDED) for title, facts in blocks]
    for first in range(0, len(boxes), a_row):
        panels.add_row(*boxes[first : first + a_row])
    parts: list[RenderableType] = [head, panels, _models(overview)]
    if overview.stages:
        parts.append(_stages(overview))
    if note:
        parts.append(Text(note, style="bold yellow"))
    return Group(*parts)


PictureMetadata = list[tuple[str, RenderableType]]


def _facts(facts: PictureMetadata, rows: int) -> Table:
    """Return names and values, padded to a number of rows."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in [*facts, *[("", "")] * (rows - len(facts))]:
        table.add_row(name, value)
    return table


def _requests(overview: Overview, rates: Sequence[float]) -> PictureMetadata:
    outside = [one for one in overview.models if one.name in ENSEMBLES]
    refused = sum(overview.refused.values())
    busiest = max(outside, key=lambda one: one.rate, default=None)
    facts: PictureMetadata = [
        ("answered", f"{sum(one.rate for one in outside):.1f}/s"),
        ("refused", Text(f"{refused:.1f}/s", style="yellow" if refused else "")),
        ("turned away", Text(f"{overview.turned_away:.1f}/s", style="yellow" if overview.turned_away else "")),
        ("failed", Text(f"{overview.failed:.1f}/s", style="bold red" if overview.failed else "")),
        ("p50, p99", f"{_ms(busiest.p50)}, {_ms(busiest.p99)} ms" if busiest else _NONE),
        *_totals(overview, "answered", "refused", "failed"),
        ("", Text(sparkline(rates, 22), style="cyan")),
    ]
    return facts


def _pictures(overview: Overview) -> PictureMetadata:
    worst = max(overview.refused, key=lambda reason: overview.refused[reason], default=None)
    return [
        ("identified", f"{overview.identified:.1f}/s"),
        ("not in catalogue", _percent(overview.absent_rate)),
        ("gated", _percent(overview.gate_rate)),
        ("regions, matches", f"{_number(overview.regions)}, {_number(overview.matches)}"),
        ("refused for", worst or _NONE),
        *_totals(overview, "identified", "found"),
    ]


def _catalogue(overview: Overview) -> PictureMetadata:
    index = overview.index
    facts: PictureMetadata = [("items", _NONE if overview.items is None else f"{overview.items:,}")]
    if index is None:
        return [*facts, ("changes", f"{overview.changes:.1f}/s")]
    return [
        *facts,
        ("generation", Text(f"{index.generation}, {age(index.age)}", style="" if index.agree else "yellow")),
        ("vectors", f"{index.vectors:,}"),
        ("in memory", Text(f"{index.delta:,}" + (" full" if index.full else ""), style="red" if index.full else "")),
        ("changes", f"{overview.changes:.1f}/s, {index.pending:,}"),
    ]


def _machine(overview: Overview) -> PictureMetadata:
    machine = overview.machine
    facts: PictureMetadata = [("CPU", Text(_percent(machine.cpu), style="red" if (machine.cpu or 0) > 0.95 else ""))]
    if machine.memory_used is not None and machine.memory_total:
        facts.append(("memory", f"{machine.memory_used / 2**30:.1f} of {machine.memory_total / 2**30:.0f} GiB"))
    facts += [(f"GPU {number}", _percent(share)) for number, share in enumerate(machine.gpus)]
    facts.append(("waiting", str(sum(one.pending for one in overview.models))))
    return facts


def _models(overview: Overview) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 1), caption="times in milliseconds")
    table.caption_justify = "right"
    table.add_column("Model", no_wrap=True)
    for name in ("calls/s", "fail/s", "p50", "p99", "queue", "work", "batch", "wait"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in overview.models:
        busy = one.rate > 0 or bool(one.failures)
        table.add_row(
            Text(one.name, style="bold" if one.name in ENSEMBLES else ""),
            f"{one.rate:.1f}",
            Text(_number(one.failures), style="red" if one.failures else ""),
            _ms(one.p50),
            _ms(one.p99),
            _ms(one.queue),
            _ms(one.compute),
            _number(one.batch),
            str(one.pending),
            style="" if busy else "dim",
        )
    return table


def _stages(overview: Overview) -> Table:
    """Return bars of each stage's mean time."""
    longest = max(overview.stages.values())
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="cyan")
    for stage, took in overview.stages.items():
        table.add_row(stage, f"{_ms(took)} ms", "█" * max(1, round(30 * took / longest)) if longest else "")
    return table


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the last values as bars, the highest full."""
    last = list(values)[-width:]
    top = max(last, default=0.0)
    if top <= 0:
        return ""
    return "".join(_BARS[min(8, round(8 * value / top))] for value in last)


def age(seconds: float) -> str:
    """Return a duration as text: 40 s, 12 min, 5 h, 3 d."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} old"
    return f"{seconds:.0f} s old"


def _totals(overview: Overview, *names: str) -> PictureMetadata:
    """Return counts since the server's start, those that are known."""
    return [(f"all {name}", f"{overview.totals[name]:,}") for name in names if name in overview.totals]


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.0f} %"


def _ms(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1f}"


_number = _ms
