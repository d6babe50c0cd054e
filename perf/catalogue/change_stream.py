"""Mixed changes with the last acknowledged state of every item."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from whatsit_client import Client

Vector = npt.NDArray[np.float32]
Kind = Literal["add", "fields", "picture", "delete"]
SHARES: dict[Kind, float] = {"add": 0.50, "fields": 0.24, "picture": 0.04, "delete": 0.22}
# New items lie so near to pictures of the query load that `identify` returns them.
_NOISE = 0.03


@dataclass(frozen=True)
class Change:
    """One change and the state that it leads to.

    Args:
        kind: of the change.
        id: of the item.
        title: that the item has afterwards, of no other change; "" where it is deleted.
        vector: f32 [128], under which the item is found.
        picture: an encoded picture, for a change of that kind.
    """

    kind: Kind
    id: str
    title: str
    vector: Vector
    picture: bytes | None = None

    def send(self, client: Client) -> None:
        """Make it; when this returns, the server has acknowledged it."""
        if self.kind == "delete":
            client.delete(self.id)
        elif self.kind == "add":
            client.upsert({"id": self.id, "title": self.title}, vectors=self.vector[None])
        else:
            client.upsert({"id": self.id, "title": self.title}, self.picture)


class Stream:
    """Random changes, never two of one item at a time; safe for many threads.

    Args:
        pictures: encoded, each with its vector f32 [128] by the server's embedder.
        seed: of the dice.
    """

    def __init__(self, pictures: list[tuple[bytes, Vector]], seed: int) -> None:
        self._dice = np.random.default_rng(seed)
        self._pictures = pictures
        self._prefix = f"live{seed}"
        self._lock = threading.Lock()
        self._made = 0
        self._idle: dict[str, Change] = {}  # items that are there and in no change now
        self._open: dict[str, Change] = {}
        self.acknowledged: dict[str, Change] = {}  # the last acknowledged change of each item
        self.unsure: set[str] = set()  # items with a change that was sent and never acknowledged

    def draw(self) -> Change:
        """Return the next change, to be ended by `end`."""
        with self._lock:
            kind = str(self._dice.choice(list(SHARES), p=list(SHARES.values())))
            self._made += 1
            title = f"{self._prefix} change {self._made}"
            changed = self._changed(kind, title) or self._added(title)
            self._idle.pop(changed.id, None)
            self._open[changed.id] = changed
            return changed

    def _changed(self, kind: str, title: str) -> Change | None:
        """Return a change of an item that is there, None where none is free for it."""
        if kind == "picture":
            place = int(self._dice.integers(len(self._pictures)))
            id = f"{self._prefix}-picture{place}"
            return None if id in self._open else Change("picture", id, title, *self._pictures[place][::-1])
        if kind == "add" or not self._idle:
            return None
        known = self._idle[str(self._dice.choice(list(self._idle)))]
        if kind == "delete":
            return replace(known, kind="delete", title="", picture=None)
        return replace(known, kind="fields", title=title, picture=None)

    def _added(self, title: str) -> Change:
        near = self._pictures[int(self._dice.integers(len(self._pictures)))][1]
        vector = near + self._dice.normal(size=near.shape).astype(np.float32) * _NOISE
        return Change("add", f"{self._prefix}-{self._made}", title, vector / np.linalg.norm(vector))

    def end(self, change: Change, acknowledged: bool) -> None:
        """Record the outcome; an unacknowledged item is not changed again."""
        with self._lock:
            del self._open[change.id]
            if acknowledged:
                self.acknowledged[change.id] = change
                if change.kind != "delete":
                    self._idle[change.id] = change
            else:
                self.unsure.add(change.id)
