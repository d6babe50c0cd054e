"""Publishing: all vectors of the store become the next generation of the index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from whatsit.catalogue.serving_pair import EMBEDDERS, index_roots
from whatsit.catalogue.store.column_file import FIELDS_FILE
from whatsit.catalogue.store.store import Store
from whatsit.index import Generation, current, write_generation
from whatsit.index.current_generation import GENERATIONS
from whatsit.index.generation_writer import exclusively, oldest_sequence
from whatsit.index.index_budget import IndexBudget
from whatsit.index.index_kind import Numbers
from whatsit.index.manifest import Manifest
from whatsit.index.shard_files import Progress, quiet
from whatsit.index.sharding import Labels

# An index without vectors takes queries of any length; something must stand in its manifest.
EMPTY_DIMENSION = 1
# So many changed items, two vectors of 128 numbers each, cost about 25 MB in each process that searches, and a scan of
# them at every call.
COMPACT_BEYOND = 25_000
# With fewer items, reading a field takes a moment.
_FIELDS_FROM = 2_000
_OF_FILES = re.compile(r"no space left|write error|could not open|read-only|permission", re.IGNORECASE)
# Ends the sentence that refuses to publish a catalogue in Milvus.
NO_INDEX = "where every change is searched at once: there is no index to publish"


@dataclass(frozen=True)
class Published:
    """The outcome of publishing.

    Args:
        generation: the current generation now.
        notes: sentences that the catalogue's owner should read; () when all is well.
    """

    generation: Generation
    notes: tuple[str, ...]


def publish(
    store: Store,
    root: Path,
    fingerprint: str | None = None,
    geometry: bool | None = None,
    progress: Progress = quiet,
    budget: IndexBudget | None = None,
) -> Published:
    """Write an embedder's vectors as the next generation and make it current.

    This is also what compacts: the new generation holds all changes so far, so servers that take it up begin with an
    empty delta, and the log is trimmed to what the generations still on disk need to be brought up to date.

    Args:
        store: the catalogue; changes may go on meanwhile, in other processes too.
        root: folder of the index.
        fingerprint: the embedder; None for the one that was used last.
        geometry: True takes and keeps the local features of every picture from now on, for the ranking stage
            `geometry`; False drops them; None leaves it as it is.
        progress: called with the step ("Local features", then those of building the index), how much of it is done, and
            how much there is in all.
        budget: kind, budgets and sharding of the index; None for those of the current generation.

    Raises:
        InvalidInput: there are items, but none was embedded by this embedder; or a vector is not of unit length.
        Damaged: the stored vectors do not have one length.
    """
    with _writing(root):
        root.mkdir(parents=True, exist_ok=True)
        if geometry is not None and geometry != store.local.kept:
            store.local.keep(geometry)
        unread = store.local.fill(partial(progress, "Local features")) if store.local.kept else 0
        with exclusively(
            publish_lock(store.folder, root)
        ):  # or a slower publisher's older state would come after a newer one
            with store.snapshot():
                known = store.fingerprints()
                fingerprint = fingerprint or (known[0] if known else "")
                vectors, numbers = store.vectors(fingerprint)
                items, sequence = store.count(), store.changes.position()
                local = store.local.pictures() if store.local.kept else []
                labels = _labels(store, numbers)
            embedded = len(np.unique(numbers))
            if items and not embedded:
                raise InvalidInput(
                    f"None of the {items} items in {store.path} was embedded by {fingerprint or 'any embedder'}; "
                    "run 'whatsit catalogue add' on your files again."
                )
            if not items:
                vectors = np.empty((0, EMPTY_DIMENSION), dtype=np.float32)
            generation = write_generation(
                root, vectors, numbers, fingerprint,
                sequence=sequence, local=local, budget=budget, labels=labels, progress=progress,
            )  # fmt: skip
            if items >= _FIELDS_FROM:
                progress("Fields of filters", 0, 1)
                store.columns.save(generation.folder / FIELDS_FILE)
            store.changes.trim(min(map(oldest_sequence, {root, *published_roots(store.folder)})))
    notes = _notes(items, embedded, unread)
    return Published(generation, (*notes, generation.manifest.note) if generation.manifest.note else notes)


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    """Turn the errors of a disk that is full or read-only into a sentence."""
    try:
        yield
    except WhatsitError:
        raise
    except (OSError, RuntimeError) as error:  # FAISS has no error of its own for files
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, RuntimeError) and not _OF_FILES.search(text):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else text[-120:]
        raise Unavailable(
            f"The index cannot be written to {root} ({reason}): make room on its disk, or let this user write there; "
            "the index before stays in use."
        ) from error


def _labels(store: Store, numbers: Numbers) -> Labels:
    """Return the category of each row, int64 [N] item numbers ascending."""
    items, categories = store.item_categories()
    known = sorted({category for category in categories if category})
    places = {category: place for place, category in enumerate(known)}
    codes = np.array([places.get(category or "", -1) for category in categories], dtype=np.int64)
    if not len(items):
        return Labels(np.full(len(numbers), -1, dtype=np.int64), ())
    rows = np.minimum(np.searchsorted(items, numbers), len(items) - 1)
    return Labels(np.where(items[rows] == numbers, codes[rows], -1), tuple(known))


def publish_lock(folder: Path, root: Path) -> Path:
    """Return the lock file of a publication.

    It is one for all indexes, which share the change log that a publication trims.
    """
    return (folder / EMBEDDERS if (folder / EMBEDDERS).is_dir() else root) / ".publish.lock"


def published_roots(folder: Path) -> list[Path]:
    """Return the folders of a catalogue's indexes that were written."""
    return [root for root in index_roots(folder) if current(root) is not None]


def published(root: Path) -> Manifest | None:
    """Return the manifest of the current generation, None before the first one.

    Raises:
        Damaged: the index cannot be read.
    """
    name = current(root)
    return None if name is None else Manifest.read(root / GENERATIONS / name)


def compact_note(pending: int) -> str | None:
    """Return the advice to compact where many changed items wait, else None."""
    if pending <= COMPACT_BEYOND:
        return None
    return (
        f"{pending} items have changed since the index was written, and every server holds their vectors in memory; "
        "fold them into the index with 'whatsit catalogue compact'."
    )


def _notes(items: int, embedded: int, unread: int) -> tuple[str, ...]:
    notes = []
    if not items:
        notes.append("The catalogue is empty, and so is its index: nothing will be found in it.")
    elif embedded < items:
        notes.append(
            f"{items - embedded} of {items} items were embedded by another embedder only and are not in the index; "
            "run 'whatsit catalogue add' on their files again."
        )
    if unread:
        notes.append(f"{unread} pictures could not be read again for their local features: geometry leaves them out.")
    return tuple(notes)
