"""Progress bar of an epoch: steps, rate, time left and mean losses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track

_LOG_EVERY = 60.0


Thing = TypeVar("Thing")


def counted(things: Sequence[Thing], what: str, console: Console) -> Iterable[Thing]:
    """Iterate with a progress bar, or one log line where there is no terminal."""
    if console.is_terminal:
        return track(things, what, console=console)
    console.print(f"{what}: {len(things)}")
    return things


class EpochProgress:
    """A live bar on a terminal; in a log file, a line a minute instead."""

    def __init__(self, console: Console, epoch: int, steps: int, done: int) -> None:
        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(),
        )
        self._console, self._epoch, self._steps, self._first, self._done = console, epoch, steps, done, done
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("epoch", total=steps, completed=done, epoch=epoch, shown="")
        self._started = self._logged = time.monotonic()

    def __enter__(self) -> EpochProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, means: Mapping[str, float], rate: float) -> None:
        """Show one more step with the running means of the losses and the learning rate."""
        self._done += 1
        now = time.monotonic()
        speed = (self._done - self._first) / max(now - self._started, 1e-9)
        shown = "  ".join([f"{speed:.2f} steps/s", *(f"{name} {mean:.3f}" for name, mean in means.items())])
        self._bar.update(self._task, completed=self._done, shown=f"{shown}  lr {rate:.1e}")
        if not self._console.is_terminal and now - self._logged > _LOG_EVERY:
            left = (self._steps - self._done) / speed
            self._console.print(f"epoch {self._epoch}  {self._done}/{self._steps}  {shown}  {left:.0f} s left")
            self._logged = now
