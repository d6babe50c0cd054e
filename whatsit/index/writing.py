"""Writing a generation: built in a temporary folder, made durable, renamed, then pointed to by `CURRENT`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import faiss
import numpy as np
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.index.current import GENERATIONS, current, is_generation_name, set_current, sync_folder
from whatsit.index.generation import Generation, open_generation
from whatsit.index.manifest import FORMAT, Manifest, file_sha256
from whatsit.index.shard import Floats, Numbers, build, choose_kind
from whatsit.index.visual_words import VisualWords
from whatsit.vision.local_features import LocalFeatures

LocalPictures = Sequence[tuple[int, LocalFeatures]]

_UNIT_TOLERANCE = 1e-2
_TEMPORARY = ".writing-"


def write_generation(
    root: Path,
    vectors: Floats,
    items: Numbers,
    fingerprint: str,
    *,
    sequence: int = 0,
    kind: str | None = None,
    keep: int = 3,
    local: LocalPictures = (),
) -> Generation:
    """Write the next generation and make it the current one.

    Where the current generation already holds exactly this content of this sequence, nothing is written and that one
    is returned.

    Args:
        root: folder of the index; made if it is not there.
        vectors: f32 [N,D], unit length. N may be 0 (D still counts).
        items: int64 [N], the item number of each row; an item may have several rows.
        fingerprint: identifies the embedder.
        sequence: the catalogue's last change that is in the vectors.
        kind: `flat` or `hnsw`; by size when None (see `choose_kind`).
        keep: how many of the newest generations stay on disk.
        local: pictures' item numbers and local features, for the visual words; none where geometry is not asked for.

    Raises:
        InvalidInput: shapes do not fit, or a vector is not finite or not of unit length.
    """
    vectors, items = _checked(vectors, items)
    content = _content(vectors, items, fingerprint, local)
    (root / GENERATIONS).mkdir(parents=True, exist_ok=True)
    with exclusively(root / ".lock"):
        same = _already_current(root, content, sequence, kind)
        if same is not None:
            return same
        for leftover in (root / GENERATIONS).glob(f"{_TEMPORARY}*"):
            shutil.rmtree(leftover)
        name = f"{_last_number(root) + 1:06d}-{content[:8]}"
        temporary = root / GENERATIONS / f"{_TEMPORARY}{name}"
        temporary.mkdir()
        origin = _Origin(fingerprint, content, sequence)
        pictures = _write_words(temporary, local)
        _write_files(temporary, vectors, items, origin, kind or choose_kind(len(vectors)), pictures)
        os.rename(temporary, root / GENERATIONS / name)
        sync_folder(root / GENERATIONS)
        set_current(root, name)
        _forget_old(root, keep)
    return open_generation(root, fingerprint, verify=False)


def _checked(vectors: Floats, items: Numbers) -> tuple[Floats, Numbers]:
    """Both arrays sorted by item number, or InvalidInput."""
    vectors = np.asarray(vectors, dtype=np.float32)
    items = np.asarray(items, dtype=np.int64)
    if vectors.ndim != 2 or vectors.shape[1] == 0 or items.shape != (len(vectors),):
        raise InvalidInput(f"An index takes vectors [N,D] and item numbers [N], not {vectors.shape} and {items.shape}.")
    if len(items) and items.min() < 0:
        raise InvalidInput(f"Item numbers are 0 or more, not {items.min()}.")
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE))
    if len(wrong):
        raise InvalidInput(f"The vector of item {items[wrong[0]]} has the length {lengths[wrong[0]]:.3f} instead of 1.")
    order = np.argsort(items, kind="stable")
    return np.ascontiguousarray(vectors[order]), np.ascontiguousarray(items[order])


def _content(vectors: Floats, items: Numbers, fingerprint: str, local: LocalPictures) -> str:
    digest = hashlib.sha256(f"{FORMAT}\n{fingerprint}\n{vectors.shape}\n".encode())
    digest.update(items.data)
    digest.update(vectors.data)
    for item, features in local:
        digest.update(f"{item} {len(features)}\n".encode())
        digest.update(features.to_bytes())
    return digest.hexdigest()


def _write_words(folder: Path, local: LocalPictures) -> int:
    """Write the visual words of the pictures that have texture; how many that are."""
    textured = [(item, features) for item, features in local if len(features)]
    if textured:
        items = np.array([item for item, _ in textured], dtype=np.int64)
        VisualWords.build([features for _, features in textured], items).write(folder)
    return len(textured)


@dataclass(frozen=True)
class _Origin:
    """Where the vectors of a generation come from; see `Manifest`."""

    fingerprint: str
    content: str
    sequence: int


def _write_files(folder: Path, vectors: Floats, items: Numbers, origin: _Origin, kind: str, pictures: int) -> None:
    faiss.write_index(build(vectors, kind), str(folder / "shard-0.faiss"))
    np.save(folder / "shard-0.items.npy", items, allow_pickle=False)
    manifest = Manifest(
        format=FORMAT,
        fingerprint=origin.fingerprint,
        dimension=vectors.shape[1],
        vectors=len(vectors),
        items=len(np.unique(items)),
        content=origin.content,
        sequence=origin.sequence,
        pictures=pictures,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        shards=({"file": "shard-0.faiss", "items": "shard-0.items.npy", "kind": kind, "rows": len(vectors)},),
        files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
    )
    manifest.write(folder)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def _already_current(root: Path, content: str, sequence: int, kind: str | None) -> Generation | None:
    try:
        if current(root) is None:
            return None
        generation = open_generation(root)
    except Damaged:
        return None
    if (generation.manifest.content, generation.manifest.sequence) != (content, sequence):
        return None
    if kind is not None and any(shard["kind"] != kind for shard in generation.manifest.shards):
        return None
    return generation


def _numbered(root: Path) -> list[Path]:
    folders = [path for path in (root / GENERATIONS).iterdir() if is_generation_name(path.name)]
    return sorted(folders, key=lambda path: int(path.name.split("-")[0]))


def _last_number(root: Path) -> int:
    folders = _numbered(root)
    return int(folders[-1].name.split("-")[0]) if folders else 0


def oldest_sequence(root: Path) -> int:
    """The lowest change number that a generation on disk was made at: later changes are needed to bring it up to date.

    A generation whose manifest cannot be read counts for nothing, for no server can open it.
    """
    found = []
    for folder in _numbered(root):
        with suppress(Damaged):
            found.append(Manifest.read(folder).sequence)
    return min(found, default=0)


def _forget_old(root: Path, keep: int) -> None:
    """A server that still maps a removed generation keeps its pages until it opens the new one."""
    for folder in _numbered(root)[: -max(keep, 1)]:
        shutil.rmtree(folder)


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever holds it; another process's death frees it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
