"""Limit on the pictures in flight between the first step and the last.

Under overload the operating system shares the cores among all steps alike, so that the first one takes in more
pictures than the later ones finish, and each of them is finished late. So the first step waits while as many pictures
as keep the cores busy are in flight; further requests wait in its queue, whose policy refuses those that waited too
long before any work was done on them. In a server with cores to spare no request ever waits here.

`Admission` is the interface; what is behind it counts over the processes of one server.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from whatsit.engines.available_cores import available_cores

# One slot per process, chosen by the name of its instance: no process writes another's slot, so there are no locks.
_SLOTS = 4096
_FOLDER = Path("/dev/shm")
# Seconds until a waiting step counts again by itself; it is woken whenever a picture ends.
_POLL_INTERVAL = 0.02
# Seconds without an end after which the pictures in flight are taken for lost: refused by an engine, or calls of a
# single step. Should they end after all, a few too many are in flight for a moment.
_LOST_AFTER = 0.5
# An output of `regions` that `identify` alone asks for: its pictures go on to `retrieval`.
_GOES_ON = "GATED"


class Admission:
    """Admits requests to one step and counts the pictures in flight.

    Args:
        model: name of the step.
        instance: name of the model instance of this process.
        parameters: of the model; `max_in_flight_per_core` (or its old name `under_way_per_core`) is the number of
            pictures per core beyond which the step `decode` waits; 0 never waits.
    """

    def __init__(self, model: str, instance: str, parameters: Mapping[str, str] | None = None) -> None:
        known = parameters or {}
        per_core = float(known.get("max_in_flight_per_core", known.get("under_way_per_core", "0")))
        self._model = model
        counts = model in ("decode", "regions", "retrieval") and _FOLDER.is_dir()
        self._in_flight = InFlight(instance) if counts else None
        self._limit = round(per_core * available_cores())

    def enter(self) -> None:
        """Wait for admission; called before a request is processed."""
        if self._model == "decode" and self._in_flight is not None:
            if self._limit:
                self._in_flight.wait(self._limit)
            self._in_flight.begin()

    def leave(self, wanted: frozenset[str], failed: bool) -> None:
        """Count the end of a request; `wanted` are the outputs that were asked for."""
        if self._in_flight is None:
            return
        ends = {"decode": failed, "regions": failed or _GOES_ON not in wanted, "retrieval": True}
        if ends[self._model]:
            self._in_flight.end()


class SharedCounter:
    """Counter shared by a server's processes: one slot each, read as their sum.

    Args:
        name: of what is counted; one number for each.
        process: distinguishes this process from the others.
        file: shared by all of them; None for one that is this server's alone.
    """

    def __init__(self, name: str, process: str, file: Path | None = None) -> None:
        self.file = file or _FOLDER / f"{Path.cwd().name}-{name}-{os.getppid()}"
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, _SLOTS * 8)
        os.close(descriptor)
        self._counts = np.memmap(self.file, dtype=np.int64, mode="r+", shape=(_SLOTS,))
        self._slot = zlib.crc32(process.encode()) % _SLOTS
        self._counts[self._slot] = 0  # of a process before

    def add(self, change: int) -> None:
        """Change this process's part."""
        self._counts[self._slot] += change

    def total(self) -> int:
        """Return the sum of all parts."""
        return int(self._counts.sum())


class InFlight:
    """The pictures in flight in one server, counted over its processes.

    Args:
        instance: name of this process's model instance.
        file: shared by all processes of the server; None where there is nothing to share.
    """

    def __init__(self, instance: str, file: Path | None = None) -> None:
        self._counter = SharedCounter("in-flight", instance, file)
        file = self._counter.file
        self._ended = SharedCounter("ended", instance, file.with_name(f"{file.name}-ended"))
        self._ended_at_loss: int | None = None
        fifo = file.with_name(f"{file.name}-fifo")
        with contextlib.suppress(FileExistsError):
            os.mkfifo(fifo, 0o600)
        self._fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)

    def begin(self, pictures: int = 1) -> None:
        """Count pictures that begin in this process."""
        self._counter.add(pictures)

    def end(self, pictures: int = 1) -> None:
        """Count pictures that end in this process, and wake a waiting step."""
        self._ended.add(pictures)
        self._counter.add(-pictures)
        with contextlib.suppress(BlockingIOError):  # full: no step has waited for long
            os.write(self._fifo, b"-")

    def count(self) -> int:
        """Return the number in flight, at least 0.

        Direct calls of later steps end without a beginning.
        """
        count = self._counter.total()
        if count < 0:
            self._counter.add(-count)
        return max(count, 0)

    def wait(self, limit: int) -> None:
        """Wait until fewer than `limit` are in flight.

        Direct calls of `decode` begin and never end. They are forgotten when no picture ends any more, and until one
        does, no request waits again.
        """
        count = last = self.count()
        since = time.monotonic()
        while count >= limit:
            nothing_ends = time.monotonic() - since > _LOST_AFTER
            if nothing_ends or self._ended.total() == self._ended_at_loss:
                self._ended_at_loss = self._ended.total()
                self._counter.add(-count)
                return
            if select.select([self._fifo], [], [], _POLL_INTERVAL)[0]:
                with contextlib.suppress(BlockingIOError):  # another waiting step was first
                    os.read(self._fifo, 1 << 16)
            count = self.count()
            if count != last:
                last, since = count, time.monotonic()
