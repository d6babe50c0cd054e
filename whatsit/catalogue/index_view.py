"""The current generation of an index, brought up to date from the change log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.errors import Damaged, WhatsitError

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.store.column_file import FIELDS_FILE
from whatsit.catalogue.store.store import Store
from whatsit.index import DeltaIndex, Generation, current, open_generation
from whatsit.index.index_kind import Numbers

# Of 128 numbers about 100 MB, and a few times as much for the moment in which shards are merged. A server must not run
# out of memory over an import.
MAX_DELTA_VECTORS = 200_000


@dataclass(frozen=True)
class _State:
    """What is searched.

    Args:
        live: the index.
        sequence: the last change that is in it.
        full: whether additions had to be left out of it.
    """

    live: DeltaIndex
    sequence: int
    full: bool = False


class LiveIndex:
    """View of an index that follows generations and change log; safe for threads.

    Args:
        root: folder of the index.
        store: the catalogue.
        fingerprint: of the embedder whose vectors will be looked up.
        warn: takes a sentence for the operator.
        max_delta: vectors that are held in memory besides the generation. Beyond it, changed items stay as they were
            and new ones wait for `compact`; deletions always count at once.
        place: puts a generation that was opened where it is searched, such as on a GPU.

    Raises:
        WhatsitError: nothing is published, or it is damaged or made by another embedder, or the log does not fit it.
    """

    def __init__(
        self,
        root: Path,
        store: Store,
        fingerprint: str,
        warn: Callable[[str], None] = print,
        max_delta: int = MAX_DELTA_VECTORS,
        place: Callable[[Generation], Generation] = lambda generation: generation,
    ) -> None:
        self._root, self._store, self._fingerprint = root, store, fingerprint
        self._log, self._max_delta, self._place = warn, max_delta, place
        self._changing = threading.Lock()
        self._refused: str | None = None
        self._warned: str | None = None
        self._state = self._caught_up(self._opened())

    def now(self) -> DeltaIndex:
        """A snapshot that holds every change which was committed before this call.

        Raises:
            Unavailable: the store cannot be read.
        """
        name = self._current()
        if not self._is_behind(name):
            return self._state.live
        with self._changing:
            if self._is_behind(name):  # another thread may have seen to it
                self._take_up(name)
        return self._state.live

    def where(self, where: Filter) -> tuple[DeltaIndex, Numbers]:
        """Return the snapshot and the items that fulfil a filter, int64 ascending.

        Raises:
            Unavailable: the store cannot be read.
            InvalidInput: nothing does, and the filter names a field that no item has.
        """
        live = self.now()
        selected = self._store.columns.select(where)
        numbers = self._store.select(where) if selected is None else selected
        self._store.check_where(where, len(numbers))
        return live, numbers

    @property
    def sequence(self) -> int:
        """Return the last change of the log that was taken up."""
        return self._state.sequence

    @property
    def is_full(self) -> bool:
        """Return whether additions had to be left out of memory, and wait for `compact`."""
        return self._state.full

    def _is_behind(self, name: str | None) -> bool:
        state = self._state
        newer = name not in (None, state.live.generation.name, self._refused)
        return newer or self._store.changes.position() > state.sequence

    def _current(self) -> str | None:
        try:
            return current(self._root)
        except WhatsitError as error:
            self._warn(f"The new index was refused and the old one stays in service: {error}")
            return None

    def _take_up(self, name: str | None) -> None:
        """Open a new generation if there is one, and apply the change log.

        What fails leaves the state before in service.
        """
        state = self._state
        if name not in (None, state.live.generation.name, self._refused):
            try:
                self._state = self._caught_up(self._opened())
                return
            except WhatsitError as error:
                self._refused = name
                self._warn(f"The new index was refused and the old one stays in service: {error}")
        try:
            self._state = self._caught_up(state)
        except WhatsitError as error:
            self._warn(f"Changes of the catalogue cannot be taken up: {error}")

    def _opened(self) -> _State:
        generation = open_generation(self._root, self._fingerprint, verify=False)
        if generation.manifest.sequence > self._store.changes.position():
            raise Damaged(
                f"The index {generation.folder} is of a later state than the catalogue {self._store.path}; "
                "run 'whatsit catalogue compact' to write it anew."
            )
        self._store.columns.prepare(generation.folder / FIELDS_FILE)
        return _State(DeltaIndex.of(self._place(generation)), generation.manifest.sequence)

    def _caught_up(self, state: _State) -> _State:
        end = self._store.changes.position()
        live, sequence, full = state.live, state.sequence, state.full
        while sequence < end:
            changes = self._store.changes.since(sequence, self._fingerprint)
            if live.delta_vectors + len(changes.vectors) > self._max_delta:
                full = True
                gone = np.setdiff1d(changes.items, changes.numbers)
                live = live.apply(gone, changes.vectors[:0], changes.numbers[:0])
            else:
                live = live.apply(changes.items, changes.vectors, changes.numbers, changes.local)
            sequence = max(changes.sequence, sequence + 1)
        if full and not state.full:
            self._warn(
                f"More than {self._max_delta} vectors have changed since the index was written, and further additions "
                "are not found before 'whatsit catalogue compact' has been run."
            )
        return _State(live, sequence, full)

    def _warn(self, sentence: str) -> None:
        """Once, not at every request."""
        if sentence != self._warned:
            self._warned = sentence
            self._log(sentence)
