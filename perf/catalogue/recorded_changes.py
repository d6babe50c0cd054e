"""A writer process that records every item's state with the number of its change."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.picture_files import forget_pictures, keep_picture
from whatsit.catalogue.store.store import Store

FINGERPRINT = "recorded"
DIMENSION = 128
_PUBLISH_SECONDS = 5.0
_LIVE_ITEMS = 2_000


@dataclass(frozen=True)
class Recorded:
    """One change.

    Args:
        sequence: number of the catalogue's last change when it was acknowledged.
        id: of its item.
        title: that the item has since, of no other change; None where it was deleted.
        began: seconds of the monotonic clock.
        seconds: until it was acknowledged.
    """

    sequence: int
    id: str
    title: str | None
    began: float
    seconds: float


def random_picture(folder: Path, title: str, size: int) -> Picture:
    """Write a picture of so many bytes into the catalogue; the vector follows from its title."""
    data = b"\xff\xd8" + random.Random(title).randbytes(size)
    path = keep_picture(Layout(folder).pictures, data)
    return Picture(str(path), hashlib.sha256(data).hexdigest(), (Vector((0.0, 0.0, 9.0, 9.0), vector_of(title)),))


def vector_of(title: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return the vector of the item of this title, f32 [128]."""
    values = np.random.default_rng(list(title.encode())).normal(size=DIMENSION).astype(np.float32)
    return values / np.linalg.norm(values)


class RecordedChanges:
    """A process that changes a catalogue at a rate while the context is open.

    Args:
        folder: of the catalogue.
        log: takes the changes, JSON Lines.
        rate: changes a second.
        size: bytes of a picture.
    """

    def __init__(self, folder: Path, log: Path, rate: float, size: int) -> None:
        self._log = log
        words = [str(folder), str(log), str(rate), str(size)]
        self._command = [sys.executable, "-m", "perf.catalogue.recorded_changes", *words]

    def __enter__(self) -> RecordedChanges:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
        while not self._log.exists() or not self._log.stat().st_size:
            if self._process.poll() is not None:
                raise RuntimeError("The writer ended before its first change.")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # the end of its input ends it

    def read(self) -> list[Recorded]:
        """Return the changes so far."""
        return [Recorded(*json.loads(line)) for line in self._log.read_text().splitlines() if line.endswith("]")]


def _change(store: Store, folder: Path, number: int, size: int, dice: random.Random) -> tuple[str, str | None]:
    """Put, change or delete one of the live items, as the server does."""
    id, title = f"live{dice.randrange(_LIVE_ITEMS)}", f"change {number}"
    before = store.pictures(id, FINGERPRINT)
    if before and dice.random() < 0.4:
        store.delete([id])  # its pictures stay for a while, for `undelete`
        return id, None
    store.put([(ItemFields(id, title=title), [random_picture(folder, title, size)], FINGERPRINT)])
    forget_pictures(Layout(folder).pictures, before)
    return id, title


def _publish_until(ended: threading.Event, folder: Path) -> None:
    with Store(Layout(folder).store) as store:
        while not ended.wait(_PUBLISH_SECONDS):
            publish(store, Layout(folder).index)


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main(folder: Path, log: Path, rate: float, size: int) -> None:
    """Change the catalogue until standard input ends."""
    ended, dice = threading.Event(), random.Random(1)
    publisher = threading.Thread(target=_publish_until, args=(ended, folder))
    publisher.start()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    due, number = time.monotonic(), 0
    with Store(Layout(folder).store) as store, log.open("w", buffering=1) as lines:
        while not ended.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            id, title = _change(store, folder, number, size, dice)
            lines.write(json.dumps([store.changes.position(), id, title, began, time.monotonic() - began]) + "\n")
            due, number = max(due + 1.0 / rate, began - 1.0), number + 1
    publisher.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
