"""How many pictures are between the first step and the last, and the first step's patience with that.

Under overload the operating system shares the cores among all steps alike, so that the first one takes in more
pictures than the later ones finish, and each of them is finished late. So the first step waits while as many pictures
as keep the cores busy are under way; what comes meanwhile waits in its queue, whose policy refuses what waited too long
before any work was done on it. In a server with cores to spare nothing ever waits here.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
import zlib
from pathlib import Path

import numpy as np

# One count per process, its place given by the name of its instance: nobody writes another's, so there are no locks.
_PLACES = 4096
_FOLDER = Path("/dev/shm")
# Seconds until a step that waits looks again by itself; whenever a picture ends, it is woken.
_LOOK_AGAIN = 0.02
# Seconds without one finished after which the pictures under way are taken for lost: refused by an engine, or none of
# an ensemble at all. Should they be finished after all, a few too many are under way for a moment.
_LOST = 0.5
# An output of `regions` that `identify` alone asks for: its pictures go on to `retrieval`.
_GOES_ON = "GATED"


class Count:
    """A number that the processes of one server share: each adds to its own part, and reads the sum.

    Args:
        name: of what is counted; one number for each.
        process: what tells this process from the others.
        file: shared by all of them; None for one that is this server's alone.
    """

    def __init__(self, name: str, process: str, file: Path | None = None) -> None:
        self.file = file or _FOLDER / f"{Path.cwd().name}-{name}-{os.getppid()}"
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, _PLACES * 8)
        os.close(descriptor)
        self._counts = np.memmap(self.file, dtype=np.int64, mode="r+", shape=(_PLACES,))
        self._own = zlib.crc32(process.encode()) % _PLACES
        self._counts[self._own] = 0  # of a process before

    def add(self, change: int) -> None:
        """Change this process's part."""
        self._counts[self._own] += change

    def total(self) -> int:
        """The sum of all parts."""
        return int(self._counts.sum())


class UnderWay:
    """The pictures under way in one server, counted over its processes.

    Args:
        instance: name of this process's model instance.
        file: shared by all processes of the server; None where there is nothing to share.
    """

    def __init__(self, instance: str, file: Path | None = None) -> None:
        self._counted = Count("under-way", instance, file)
        file = self._counted.file
        self._ended = Count("ended", instance, file.with_name(f"{file.name}-ended"))
        self._ended_at_loss: int | None = None
        bell = file.with_name(f"{file.name}-bell")
        with contextlib.suppress(FileExistsError):
            os.mkfifo(bell, 0o600)
        self._bell = os.open(bell, os.O_RDWR | os.O_NONBLOCK)

    def begin(self, pictures: int = 1) -> None:
        """Count pictures that begin in this process."""
        self._counted.add(pictures)

    def end(self, pictures: int = 1) -> None:
        """Count pictures that end in this process; that wakes who waits."""
        self._ended.add(pictures)
        self._counted.add(-pictures)
        with contextlib.suppress(BlockingIOError):  # full: nobody has waited for long
            os.write(self._bell, b"-")

    def count(self) -> int:
        """How many there are; single steps that are called from outside end what none began: that is set right here."""
        count = self._counted.total()
        if count < 0:
            self._counted.add(-count)
        return max(count, 0)

    def wait(self, limit: int) -> None:
        """Wait until fewer than `limit` are under way.

        Calls of `decode` alone, from outside, begin and never end. They are forgotten when nothing ends any more, and
        until something does, nobody waits again.
        """
        count = last = self.count()
        since = time.monotonic()
        while count >= limit:
            nothing_ends = time.monotonic() - since > _LOST
            if nothing_ends or self._ended.total() == self._ended_at_loss:
                self._ended_at_loss = self._ended.total()
                self._counted.add(-count)
                return
            if select.select([self._bell], [], [], _LOOK_AGAIN)[0]:
                with contextlib.suppress(BlockingIOError):  # another one who waits was first
                    os.read(self._bell, 1 << 16)
            count = self.count()
            if count != last:
                last, since = count, time.monotonic()


class Admission:
    """What one step does about the pictures under way.

    Args:
        model: name of the step.
        instance: of its process.
        per_core: pictures under way per core beyond which the step `decode` waits; 0 never waits.
    """

    def __init__(self, model: str, instance: str, per_core: float = 0.0) -> None:
        self._model = model
        counts = model in ("decode", "regions", "retrieval") and _FOLDER.is_dir()
        self._under_way = UnderWay(instance) if counts else None
        self._limit = round(per_core * len(os.sched_getaffinity(0)))

    def enter(self) -> None:
        """Before a request is looked at."""
        if self._model == "decode" and self._under_way is not None:
            if self._limit:
                self._under_way.wait(self._limit)
            self._under_way.begin()

    def leave(self, wanted: frozenset[str], failed: bool) -> None:
        """After it; `wanted` are the outputs that were asked for."""
        if self._under_way is None:
            return
        ends = {"decode": failed, "regions": failed or _GOES_ON not in wanted, "retrieval": True}
        if ends[self._model]:
            self._under_way.end()
