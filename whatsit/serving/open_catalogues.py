"""The catalogues that a step serves, opened and closed while it runs."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from whatsit_client.errors import Unavailable, WhatsitError

from whatsit.serving.catalogue_file import FollowedCatalogues, unknown_catalogue

T = TypeVar("T")

_LOOK_SECONDS = 1.0  # between two looks at the file where no request comes
_RETRY_SECONDS = 2.0  # between two attempts to open a catalogue
_WAIT_SECONDS = 5.0  # that a request waits for a catalogue that is being opened
_START_SECONDS = 120.0  # that the start waits for each


class OpenCatalogues(Generic[T]):
    """The served catalogues; safe for threads.

    One that is removed is dropped: it is closed as soon as no request uses it. Each of several is opened by a thread of
    its own, and tried again where that failed, so that requests for the others do not wait.

    Args:
        folders: gives name -> folder, the default one first; see `served_catalogues`.
        open: opens the catalogue in a folder.

    Raises:
        WhatsitError: the only catalogue of a server without a file of catalogues cannot be opened.
    """

    def __init__(self, folders: Callable[[], Mapping[str, Path]], open: Callable[[Path], T]) -> None:
        self._folders, self._open = folders, open
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._opened: dict[str, _Opening[T]] = {}
        self._dropped: list[weakref.ref[T]] = []
        if isinstance(folders, FollowedCatalogues):
            for one in self._now().values():
                one.wait(_START_SECONDS)
            threading.Thread(target=self._follow, name="whatsit-catalogues", daemon=True).start()
        else:
            self._opened = {name: _Opening(name, folder, open, at_once=True) for name, folder in folders().items()}

    def __call__(self, name: str | None = None) -> T:
        """Return a catalogue; the default one without a name.

        Raises:
            InvalidInput: there is none of this name.
            Unavailable: it cannot be opened.
        """
        opened = self._now()
        if name is None:
            name = next(iter(opened))
        if name not in opened:
            raise unknown_catalogue(name, opened)
        return opened[name].value()

    def close(self) -> None:
        """Drop all catalogues and follow the file no longer."""
        self._closed.set()
        with self._lock:
            for one in self._opened.values():
                one.drop()

    def _now(self) -> dict[str, _Opening[T]]:
        """Return what the file names now, and drop what it names no longer."""
        if not isinstance(self._folders, FollowedCatalogues):
            return self._opened
        with self._lock:
            before, folders = self._opened, self._folders()
            if [(name, one.folder) for name, one in before.items()] != list(folders.items()):
                kept = {name: one for name, one in before.items() if folders.get(name) == one.folder}
                for name in before.keys() - kept.keys():
                    self._dropped += before[name].drop()
                new = {name: kept.get(name) or _Opening(name, folder, self._open) for name, folder in folders.items()}
                self._opened = new
            return self._opened

    def _follow(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            self._now()
            self._close_dropped()

    def _close_dropped(self) -> None:
        """Close the files of dropped catalogues that nobody uses any more.

        The error of a request may refer to itself and to the catalogue that the request used: both stay until Python
        looks for such objects, which a process with little to do may put off for minutes.
        """
        with self._lock:
            waiting = bool(self._dropped)
        if waiting:
            _collect_garbage()
            with self._lock:
                self._dropped = [one for one in self._dropped if one() is not None]


def _collect_garbage() -> None:
    """Collect garbage, again where another thread was collecting meanwhile."""
    this, done = threading.get_ident(), threading.Event()

    def note(phase: str, _: Mapping[str, int]) -> None:
        if phase == "stop" and threading.get_ident() == this:
            done.set()

    gc.callbacks.append(note)
    try:
        while not done.is_set():
            gc.collect()
            done.wait(0.01)
    finally:
        gc.callbacks.remove(note)


class _Opening(Generic[T]):
    """A catalogue that is being opened, is open, or cannot be opened.

    Args:
        name: for messages.
        folder: of the catalogue.
        open: opens it.
        at_once: open it in this thread, and raise what that raises.
    """

    def __init__(self, name: str, folder: Path, open: Callable[[Path], T], at_once: bool = False) -> None:
        self.folder = folder
        self._name, self._open = name, open
        self._value: T | None = open(folder) if at_once else None
        self._error = f"The catalogue '{name}' is being opened: try again in a moment."
        self._tried, self._dropped = threading.Event(), threading.Event()
        if at_once:
            self._tried.set()
        else:
            threading.Thread(target=self._run, name=f"whatsit-open-{name}", daemon=True).start()

    def value(self) -> T:
        """Return the open catalogue.

        Raises:
            Unavailable: it is not open.
        """
        self._tried.wait(_WAIT_SECONDS)
        value = self._value
        if value is None:
            raise Unavailable(self._error)
        return value

    def wait(self, seconds: float) -> None:
        """Wait until it was tried once."""
        self._tried.wait(seconds)

    def drop(self) -> list[weakref.ref[T]]:
        """Let go of the catalogue, and return it where it was open.

        Who uses it keeps it as long.
        """
        self._dropped.set()
        value, self._value = self._value, None
        return [] if value is None else [weakref.ref(value)]

    def _run(self) -> None:
        while not self._dropped.is_set():
            try:
                self._value = self._open(self.folder)
                break
            except Exception as error:  # a catalogue may be damaged in any way; the others go on
                why = str(error) if isinstance(error, WhatsitError) else f"{type(error).__name__}: {error}"
                sentence = f"The catalogue '{self._name}' cannot be opened: {why}"
                if sentence != self._error:
                    print(sentence, flush=True)
                self._error = sentence
            self._tried.set()
            self._dropped.wait(_RETRY_SECONDS)
        self._tried.set()
        if self._dropped.is_set():  # while it was being opened
            self._value = None
            _collect_garbage()
