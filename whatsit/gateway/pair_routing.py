"""Triton's model for a call: that of the embedder which serves the catalogue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import Damaged

from whatsit.catalogue.serving_pair import PAIRS, ServingPair, read_pair_file
from whatsit.search.watched_file import WatchedFile

# Models that exist once for each embedder.
_OF_EMBEDDERS = ("identify", "embed")


@dataclass(frozen=True)
class LoadedSets:
    """The model sets that Triton has.

    Args:
        base: fingerprint of the embedder of the models without a suffix.
        loaded: fingerprints of all.
    """

    base: str
    loaded: frozenset[str]

    def model(self, model: str, fingerprint: str) -> str:
        """Return the name of a model with an embedder that is loaded."""
        return model if fingerprint == self.base else f"{model}-{fingerprint}"


class PairRouter:
    """Routes calls; the file `pairs.json` of a catalogue counts from the next call.

    A switch is one atomic replacement of that file, and a call looks at it once: it runs in the set of one embedder
    from its beginning to its end. An embedder that Triton has not loaded gets no calls; the one before keeps them.

    Args:
        file: of the loaded sets, which the supervisor writes; None where there is one set.
    """

    def __init__(self, file: Path | None) -> None:
        self._loaded = None if file is None else WatchedFile(file, _read, "list of embedders")
        self._pairs: dict[Path, WatchedFile[ServingPair]] = {}
        self._last: dict[Path, str] = {}

    def model(self, model: str, folder: Path) -> str:
        """Return the name under which Triton has a model for a catalogue now."""
        loaded = self._loaded() if self._loaded and model in _OF_EMBEDDERS else None
        pair = None if loaded is None else self._pair(folder)
        if loaded is None or pair is None:
            return model
        serving = pair.serving if pair.serving in loaded.loaded else self._last.get(folder, loaded.base)
        if serving not in loaded.loaded:
            serving = loaded.base
        self._last[folder] = serving
        return loaded.model(model, serving)

    def beside(self, model: str, folder: Path) -> tuple[str, str, float] | None:
        """Return model, fingerprint and share of calls of the embedder beside."""
        loaded = self._loaded() if self._loaded and model == "identify" else None
        pair = None if loaded is None else self._pair(folder)
        if loaded is None or pair is None or not pair.shadow or pair.beside not in loaded.loaded:
            return None
        return loaded.model(model, pair.beside), pair.beside, pair.shadow

    def _pair(self, folder: Path) -> ServingPair | None:
        if folder not in self._pairs:
            self._pairs[folder] = WatchedFile(folder / PAIRS, read_pair_file, "pair of embedders")
        return self._pairs[folder]()


def _read(path: Path) -> LoadedSets:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return LoadedSets(str(record["base"]), frozenset(map(str, record["loaded"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} names no embedders ({error}).") from error
