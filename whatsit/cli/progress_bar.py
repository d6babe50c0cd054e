"""A progress bar with rate and time left for each stage of a command's work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Step(Protocol):
    """Shows how far a stage is."""

    def __call__(self, stage: str, done: int, total: int | None, note: str = "") -> None:
        """Update the bar of a stage; a total of None or 0 is unknown."""


@contextmanager
def progress_bars(quiet: bool = False, console: Console | None = None) -> Iterator[Step]:
    """Show a bar for each stage while the body runs, and remove them at its end.

    Args:
        quiet: show nothing.
        console: where; None for the standard error.
    """
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    shown = console or Terminal(stderr=True)
    with Progress(*columns, console=shown, disable=quiet or not shown.is_terminal, transient=True) as bar:

        def step(stage: str, done: int, total: int | None, note: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total or None, note="")
            speed = bar.tasks[bar.task_ids.index(tasks[stage])].speed
            rate = f"{speed:.1f}/s" if speed else ""
            bar.update(tasks[stage], completed=done, total=total or None, note=f"{rate} {note}")

        yield step
