"""Loads and unloads model sets of a running Triton as roll-outs begin and end."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from whatsit_client.errors import WhatsitError

from whatsit.catalogue.serving_pair import EMBEDDERS, PAIRS
from whatsit.server.pair_models import Sets, compile_steps, place_base, place_set, remove_set, wanted_sets, write_sets

_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 20.0  # after a set that could not be loaded
_HEARTBEAT_SECONDS = 2.0
_STALE_SECONDS = 30.0
_SERVERS = "servers"


@dataclass(frozen=True)
class ModelChange:
    """Models that were loaded or unloaded.

    Args:
        loaded: names of the models whose processes are there now.
        unloaded: names of the models whose processes end now.
        notice: sentence for the operator.
    """

    loaded: tuple[str, ...]
    unloaded: tuple[str, ...]
    notice: str


class PairFollower:
    """The model sets of one server.

    Args:
        folders: gives the folders of the catalogues, the default one first.
        own: the embedder of the model repository.
        repositories: that Triton serves.
        config_name: of Triton's configurations.
    """

    def __init__(
        self,
        folders: Callable[[], Mapping[str, Path]],
        own: Path,
        repositories: Sequence[str],
        config_name: str | None,
    ) -> None:
        self._folders, self._own, self._repositories, self._config = folders, own, tuple(repositories), config_name
        self.file: Path | None = None  # for the gateway
        self._sets = Sets("")
        self._loaded: dict[str, list[str]] = {}  # fingerprint -> models
        self._known: list[Path] = []  # folders of the catalogues
        self._noted: set[Path] = set()  # files of `_beat`
        self._seen: object = None
        self._looked = self._beaten = self._failed = 0.0

    def lay_out(self, work: Path) -> None:
        """Lay out all sets before Triton is started, which loads them.

        Raises:
            WhatsitError: the embedder of the default catalogue cannot be served.
        """
        self._seen = self._stamps()
        self._sets = wanted_sets(self._folders().values(), self._own, self._config)
        network = self._sets.networks[self._sets.base]
        if network != self._own:
            place_base(work, network)
        self._loaded = {
            fingerprint: place_set(work, self._repositories, fingerprint, file, self._config)
            for fingerprint, file in self._sets.without(self._sets.base).items()
        }
        compile_steps(work, self._repositories)
        write_sets(self.file, self._sets, self._loaded)
        for sentence in self._sets.refused:
            print(sentence, flush=True)

    def follow(self, work: Path, load: Callable[[str], None], unload: Callable[[str], None]) -> ModelChange | None:
        """Load what is wanted, unload what is not; None where nothing changed.

        Args:
            work: folder with the laid-out repositories.
            load: loads a model.
            unload: unloads one.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return None
        self._looked = now
        try:
            return self._changed(work, load, unload, now)
        except (WhatsitError, OSError) as error:  # a list of catalogues that is damaged, a disk that is full
            return self._refused(str(error))

    def _changed(
        self, work: Path, load: Callable[[str], None], unload: Callable[[str], None], now: float
    ) -> ModelChange | None:
        self._beat(now)
        if now < self._failed or (seen := self._stamps()) == self._seen:
            return None
        sets = wanted_sets(self._folders().values(), self._own, self._config)
        wanted = sets.without(self._sets.base)
        for fingerprint in wanted.keys() - self._loaded.keys():
            names = place_set(work, self._repositories, fingerprint, wanted[fingerprint], self._config)
            compile_steps(work, self._repositories, f"*-{fingerprint}")
            try:
                for name in names:
                    load(name)
                write_sets(self.file, self._sets, [*self._loaded, fingerprint])
            except (WhatsitError, OSError) as error:
                _unload(names, unload)
                remove_set(work, self._repositories, fingerprint)
                return self._refused(f"The embedder {fingerprint} is not served: {error}")
            self._loaded[fingerprint] = names
            return ModelChange(tuple(names), (), f"The embedder {fingerprint} is loaded beside the one that serves.")
        for fingerprint in self._loaded.keys() - wanted.keys():
            # The gateway sends nothing there from now on.
            write_sets(self.file, self._sets, self._loaded.keys() - {fingerprint})
            names = self._loaded.pop(fingerprint)
            time.sleep(0.1)
            failure = _unload(names, unload)
            remove_set(work, self._repositories, fingerprint)
            why = f" Triton may still hold it: {failure}" if failure else ""
            return ModelChange((), tuple(names), f"The embedder {fingerprint} is no longer served.{why}")
        self._seen = seen
        return ModelChange((), (), " ".join(sets.refused)) if sets.refused else None

    def stop(self) -> None:
        """Take back what was noted in the catalogues."""
        for notice in self._noted:
            with suppress(OSError):
                notice.unlink(missing_ok=True)
        self._noted.clear()

    def _refused(self, sentence: str) -> ModelChange:
        self._failed = time.monotonic() + _RETRY_SECONDS
        return ModelChange((), (), sentence)

    def _stamps(self) -> object:
        return [(name, folder, _stamp(folder / PAIRS)) for name, folder in self._folders().items()]

    def _beat(self, now: float) -> None:
        """Write into each catalogue which embedders are loaded, for `whatsit rollout`."""
        if now - self._beaten < _HEARTBEAT_SECONDS:
            return
        self._beaten = now
        loaded = sorted({self._sets.base, *self._loaded})
        for folder in self._with_embedders():
            file = _notice(folder)
            with suppress(OSError):  # a read-only catalogue is served all the same
                file.parent.mkdir(exist_ok=True)
                new = file.with_suffix(".new")
                new.write_text(json.dumps({"at": time.time(), "loaded": loaded}), encoding="utf-8")
                new.replace(file)
                self._noted.add(file)

    def _with_embedders(self) -> list[Path]:
        with suppress(WhatsitError):  # a damaged list of catalogues leaves them as they were
            self._known = list(self._folders().values())
        return [folder for folder in self._known if (folder / EMBEDDERS).is_dir()]


def serving_servers(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the embedders that each running server has loaded, by server."""
    found = {}
    for file in sorted((folder / EMBEDDERS / _SERVERS).glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(file.read_text(encoding="utf-8"))
            if time.time() - float(note["at"]) < _STALE_SECONDS:
                found[file.stem] = tuple(note["loaded"])
    return found


def _unload(names: Sequence[str], unload: Callable[[str], None]) -> str:
    """Unload models, the last one first; return a failure, "" for none."""
    return max([_failure(partial(unload, name)) for name in reversed(names)], key=bool, default="")


def _failure(work: Callable[[], None]) -> str:
    try:
        work()
    except WhatsitError as error:
        return str(error)
    return ""


def _notice(folder: Path) -> Path:
    return folder / EMBEDDERS / _SERVERS / f"{socket.gethostname()}-{os.getpid()}.json"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
