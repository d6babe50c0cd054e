"""Pairs of embedder and index of a catalogue: the serving one, and one beside.

A catalogue without the file is served by the server's own embedder and the index in `index/`. A roll-out copies both
networks into the catalogue, so that a pair is whole whatever becomes of the server's installation.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from whatsit_client.errors import Damaged

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import network_file
from whatsit.index.current_generation import sync_folder

PAIRS = "pairs.json"
EMBEDDERS = "embedders"
SHADOW_LOG = "shadow.jsonl"  # in the folder of the embedder that is compared

_FINGERPRINT = re.compile(r"[0-9a-f]{16}-p\d{1,4}")


@dataclass(frozen=True)
class ServingPair:
    """The embedders whose vectors a catalogue keeps, by fingerprint.

    Args:
        serving: answers the calls; its index is the one that they search.
        beside: kept up to date beside it: the next one or the one before; "" for none.
        ready: whether the index of `beside` was written, so that servers load it.
        switched: whether `beside` is the one that served before, to go back to.
        shadow: share of the queries that `beside` answers too, to be compared; 0..1.

    Raises:
        Damaged: a value is none of these.
    """

    serving: str
    beside: str = ""
    ready: bool = False
    switched: bool = False
    shadow: float = 0.0

    def __post_init__(self) -> None:
        prints = isinstance(self.serving, str) and isinstance(self.beside, str)
        if not (prints and is_fingerprint(self.serving) and (not self.beside or is_fingerprint(self.beside))):
            raise Damaged("a pair names its embedders by fingerprint")
        if (
            not (isinstance(self.ready, bool) and isinstance(self.switched, bool))
            or not 0.0 <= float(self.shadow) <= 1.0
        ):
            raise Damaged("ready and switched are true or false, and shadow is within 0..1")

    @property
    def kept(self) -> tuple[str, ...]:
        """Return the embedders whose vectors every change writes."""
        return (self.serving, self.beside) if self.beside else (self.serving,)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Return the embedders that a server loads, the serving one first."""
        return self.kept if self.ready else (self.serving,)

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self)) + "\n"


def is_fingerprint(text: str) -> bool:
    """Return whether a text is the fingerprint of an embedder."""
    return _FINGERPRINT.fullmatch(text) is not None


def read_pair(folder: Path) -> ServingPair | None:
    """Return the pairs of a catalogue, None where no roll-out was ever begun.

    Raises:
        Damaged: the file cannot be read.
    """
    return read_pair_file(folder / PAIRS)


def read_pair_file(file: Path) -> ServingPair | None:
    """Return what a file says; see `read_pair`."""
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Damaged(f"{file} cannot be read ({error.strerror}); check its permissions.") from error
    try:
        return ServingPair(**json.loads(text))
    except (ValueError, TypeError, Damaged, RecursionError) as error:
        raise Damaged(f"{file} does not name the embedders of a catalogue ({error}); restore it.") from error


def write_pair(folder: Path, pair: ServingPair) -> None:
    """Replace the file atomically; a reader sees the old pair or the new one."""
    new = folder / f".{PAIRS}.{os.getpid()}"
    with new.open("w", encoding="utf-8") as file:
        file.write(pair.to_json())
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, folder / PAIRS)
    sync_folder(folder)


def kept_network(folder: Path, fingerprint: str) -> Path:
    """Return the network's file in the catalogue, which need not exist."""
    return folder / EMBEDDERS / fingerprint / "model.onnx"


def index_root(folder: Path, fingerprint: str) -> Path:
    """Return the folder of an embedder's index: its own, else `index/`.

    The vectors of the catalogue's first embedder are in `index/`, and so are those of a restored back-up.
    """
    own = folder / EMBEDDERS / fingerprint / "index"
    return own if own.is_dir() else folder / "index"


def index_roots(folder: Path) -> list[Path]:
    """Return the folders of all indexes of a catalogue."""
    return [folder / "index", *sorted((folder / EMBEDDERS).glob("*/index"))]


def own_network(folder: Path) -> Path | None:
    """Return the file of the catalogue's own embedder, None for the server's.

    Raises:
        Damaged: it is not there.
    """
    pair = read_pair(folder)
    if pair is None:
        return None
    file = kept_network(folder, pair.serving)
    if not file.is_file():
        raise Damaged(f"The embedder {file} of this catalogue is missing: put it back, or restore a back-up.")
    return file


def serving_network(folder: Path, model_repository: Path) -> Path:
    """Return the file of the embedder that serves a catalogue.

    Args:
        folder: of the catalogue.
        model_repository: whose embedder it is where there was no roll-out.

    Raises:
        Unavailable: the repository lacks it.
        Damaged: the catalogue's own is not there.
    """
    return own_network(folder) or network_file(model_repository, "embedder")


def serving_fingerprint(folder: Path, model_repository: Path) -> str:
    """Return the fingerprint of `serving_network`."""
    pair = read_pair(folder)
    return embedder_fingerprint(network_file(model_repository, "embedder")) if pair is None else pair.serving
