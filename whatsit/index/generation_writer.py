"""Writer of generations: temporary folder, fsync, rename, then `CURRENT`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.index.autotune import choose
from whatsit.index.current_generation import GENERATIONS, current, is_generation_name, set_current, sync_folder
from whatsit.index.generation import Generation, open_generation
from whatsit.index.index_budget import IndexBudget
from whatsit.index.index_kind import Kind
from whatsit.index.manifest import FORMAT, Manifest, file_sha256
from whatsit.index.router import Router, default_nprobe
from whatsit.index.shard import Floats, Numbers, choose_kind
from whatsit.index.shard_files import Progress, quiet, write_shards
from whatsit.index.shard_search import Routing
from whatsit.index.sharding import Labels, divide
from whatsit.index.visual_words import VisualWords
from whatsit.vision.local_features import LocalFeatures

LocalPictures = Sequence[tuple[int, LocalFeatures]]

_UNIT_TOLERANCE = 1e-2
_PIECE = 100_000
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
    budget: IndexBudget | None = None,
    labels: Labels | None = None,
    progress: Progress = quiet,
) -> Generation:
    """Write the next generation and make it the current one.

    Where the current generation already has exactly this content of this sequence, made with the same budget, nothing
    is written and that one is returned. Beside the vectors, one shard at a time is in memory.

    Args:
        root: folder of the index; made if it is not there.
        vectors: f32 [N,D], unit length; may be memory-mapped. N may be 0 (D still counts).
        items: int64 [N], the item number of each row; an item may have several rows. Ascending rows are not copied.
        fingerprint: identifies the embedder.
        sequence: the catalogue's last change that is in the vectors.
        kind: of every shard (see `Kind`), in place of the budget's one.
        keep: how many of the newest generations stay on disk.
        local: pictures' item numbers and local features, for the visual words; none where geometry is not asked for.
        budget: budgets, kind and sharding; None for those of the current generation, which are none at first.
        labels: the category of each row, where shards may follow it.
        progress: called with rows done and in all.

    Raises:
        InvalidInput: shapes do not fit, or a vector is not finite or not of unit length.
    """
    vectors, items, labels = _checked(vectors, items, labels)
    content = _content(vectors, items, fingerprint, local)
    (root / GENERATIONS).mkdir(parents=True, exist_ok=True)
    with exclusively(root / ".lock"):
        before = _current_or_none(root)
        if budget is None:
            budget = IndexBudget() if before is None else IndexBudget.from_record(before.manifest.budget)
        if kind is not None:
            budget = replace(budget, kind=kind)
        origin = _Origin(fingerprint, content, sequence, budget)
        if before is not None and origin.is_of(before.manifest):
            return before
        for leftover in (root / GENERATIONS).glob(f"{_TEMPORARY}*"):
            shutil.rmtree(leftover)
        name = f"{_last_number(root) + 1:06d}-{content[:8]}"
        temporary = root / GENERATIONS / f"{_TEMPORARY}{name}"
        temporary.mkdir()
        try:
            pictures = _write_words(temporary, local)
            _write_files(temporary, vectors, items, labels, origin, pictures, progress)
            os.rename(temporary, root / GENERATIONS / name)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)  # on a full disk it would be in the way
            raise
        sync_folder(root / GENERATIONS)
        set_current(root, name)
        _forget_old(root, keep)
    return open_generation(root, fingerprint, verify=False)


def _checked(vectors: Floats, items: Numbers, labels: Labels | None) -> tuple[Floats, Numbers, Labels | None]:
    """Return all arrays sorted by item number; raise InvalidInput."""
    vectors = np.asanyarray(vectors, dtype=np.float32)
    items = np.asarray(items, dtype=np.int64)
    if vectors.ndim != 2 or vectors.shape[1] == 0 or items.shape != (len(vectors),):
        raise InvalidInput(f"An index takes vectors [N,D] and item numbers [N], not {vectors.shape} and {items.shape}.")
    if labels is not None and labels.codes.shape != items.shape:
        raise InvalidInput(f"Categories of {len(labels.codes)} rows do not fit {len(items)} rows.")
    if len(items) and items.min() < 0:
        raise InvalidInput(f"Item numbers are 0 or more, not {items.min()}.")
    for start in range(0, len(vectors), _PIECE):
        lengths = np.linalg.norm(vectors[start : start + _PIECE], axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE))
        if len(wrong):
            first = int(wrong[0])
            raise InvalidInput(
                f"The vector of item {items[start + first]} has the length {lengths[first]:.3f} instead of 1."
            )
    if (np.diff(items) >= 0).all():
        return vectors, items, labels
    order = np.argsort(items, kind="stable")
    return vectors[order], items[order], None if labels is None else labels.taken(order)


def _content(vectors: Floats, items: Numbers, fingerprint: str, local: LocalPictures) -> str:
    digest = hashlib.sha256(f"{FORMAT}\n{fingerprint}\n{vectors.shape}\n".encode())
    for start in range(0, len(vectors), _PIECE):
        digest.update(np.ascontiguousarray(items[start : start + _PIECE]).data)
        digest.update(np.ascontiguousarray(vectors[start : start + _PIECE]).data)
    for item, features in local:
        digest.update(f"{item} {len(features)}\n".encode())
        digest.update(features.to_bytes())
    return digest.hexdigest()


def _write_words(folder: Path, local: LocalPictures) -> int:
    """Write the visual words of pictures with texture; return their number."""
    textured = [(item, features) for item, features in local if len(features)]
    if textured:
        items = np.array([item for item, _ in textured], dtype=np.int64)
        VisualWords.build([features for _, features in textured], items).write(folder)
    return len(textured)


@dataclass(frozen=True)
class _Origin:
    """Origin of the vectors of a generation; see `Manifest`."""

    fingerprint: str
    content: str
    sequence: int
    budget: IndexBudget

    def is_of(self, manifest: Manifest) -> bool:
        """Return whether a generation has the same content and budget."""
        same = (self.content, self.sequence) == (manifest.content, manifest.sequence)
        return same and self.budget == IndexBudget.from_record(manifest.budget)


def _write_files(
    folder: Path,
    vectors: Floats,
    items: Numbers,
    labels: Labels | None,
    origin: _Origin,
    pictures: int,
    progress: Progress,
) -> None:
    shares = divide(vectors, labels, origin.budget.sharding)
    routing = None
    if len(shares) > 1:
        progress("Learning the router", 0, 0)
        routing = Routing(Router.learn(vectors, shares), len(shares), default_nprobe(len(shares)))
        routing.router.write(folder)
    measured: dict[str, Any] = {}
    note = ""
    if origin.budget.has_budgets and len(vectors):
        choice = choose(folder, vectors, items, shares, origin.budget, routing, progress)
        entries, measured, note = choice.entries, choice.measured.to_record(), choice.note
    else:
        kind = Kind.parse(origin.budget.kind or choose_kind(len(vectors)))
        entries = write_shards(folder, vectors, items, shares, kind, progress=progress)
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
        shards=entries,
        files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
        nprobe=routing.nprobe if routing is not None else 0,
        budget=origin.budget.to_record(),
        measured=measured,
        note=note,
    )
    manifest.write(folder)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def _current_or_none(root: Path) -> Generation | None:
    try:
        return None if current(root) is None else open_generation(root)
    except Damaged:
        return None


def _numbered(root: Path) -> list[Path]:
    folders = [path for path in (root / GENERATIONS).iterdir() if is_generation_name(path.name)]
    return sorted(folders, key=lambda path: int(path.name.split("-")[0]))


def _last_number(root: Path) -> int:
    folders = _numbered(root)
    return int(folders[-1].name.split("-")[0]) if folders else 0


def oldest_sequence(root: Path) -> int:
    """Return the lowest change number of the generations on disk.

    A generation whose manifest cannot be read counts for nothing, for no server can open it.
    """
    found = []
    for folder in _numbered(root):
        with suppress(Damaged):
            found.append(Manifest.read(folder).sequence)
    return min(found, default=0)


def _forget_old(root: Path, keep: int) -> None:
    """Remove old generations; a server that maps one keeps its pages."""
    for folder in _numbered(root)[: -max(keep, 1)]:
        shutil.rmtree(folder)


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; the death of its holder frees it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
