"""A progress bar for work in stages, in bytes or pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stage_bar(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show the stage, how much of it is done, and the time that is left.

    Args:
        quiet: show nothing.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(show_speed=True))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=None)
        shown: tuple[str, int] | None = None

        def show(stage: str, done: int, total: int) -> None:
            nonlocal shown
            permille = 1000 * done // total if total else 0
            if (stage, permille) == shown:  # the eye sees no more, and each time costs a tenth of a millisecond
                return
            if shown is None or stage != shown[0]:
                bar.reset(task, description=stage, total=total or None)
            shown = (stage, permille)
            bar.update(task, completed=done, total=total or None)

        yield show
