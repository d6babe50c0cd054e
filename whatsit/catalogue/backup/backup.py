"""Back-up of a live catalogue at one point in time into one file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from whatsit_client.errors import Damaged, Unavailable
from whatsit_client.version import __version__

from whatsit.catalogue.backends import check_embedded, store_url
from whatsit.catalogue.backup.archive_writer import ArchiveWriter
from whatsit.catalogue.backup.contents import (
    CURRENT_FILE,
    DATABASE,
    FORMAT,
    MB,
    RECORD,
    SMALL_FILES,
    SUMS,
    BackupRecord,
    format_sums,
    size_limit,
)
from whatsit.catalogue.backup.held_generation import HeldGeneration
from whatsit.catalogue.backup.picture_copies import PictureCopies
from whatsit.catalogue.backup.working_folder import working_folder
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.serving_pair import PAIRS, ServingPair, is_fingerprint, kept_network
from whatsit.catalogue.store.store import Store
from whatsit.index.current_generation import current
from whatsit.index.manifest import MANIFEST, REPAIR
from whatsit.index.shard_files import Progress, quiet

_ATTEMPTS = 50
# So many new pictures are copied while one state of the database is held, which keeps its log from being shortened.
_FEW_PICTURES = 200
_NAMES = 100
_IN_MILVUS = "which makes and restores its own back-ups (github.com/zilliztech/milvus-backup)"


def backup(folder: Path, file: Path, overwrite: bool = False, progress: Progress = quiet) -> BackupRecord:
    """Write a catalogue, as it is at one point in time, into a .tar.zst file.

    The catalogue may be searched, changed and published meanwhile. The file appears when it is whole.

    Args:
        folder: the catalogue's.
        file: is written.
        overwrite: replace a file that is there.
        progress: called with the stage, and what is done and in all: pictures, then megabytes.

    Returns:
        What is in the file.

    Raises:
        InvalidInput: the catalogue is in Milvus, or the file is there already.
        Unavailable: there is no catalogue, or the file cannot be written.
        Damaged: the database or the index is damaged.
    """
    refuse_milvus(folder)
    layout = Layout(folder)
    with (
        Store(layout.store, read_only=True) as store,
        working_folder(file) as working,
        ArchiveWriter(working / "archive", file, overwrite) as archive,
    ):
        database = working / DATABASE
        with _copy_state(store, layout, archive, database, progress) as state:
            total = (state.generation.bytes if state.generation else 0) + database.stat().st_size
            done = 0

            def step(size: int) -> None:
                nonlocal done
                done += size
                progress("Writing the back-up, MB", done // MB, total // MB)

            if state.generation is not None:
                _add_generation(archive, state.generation, step)
            with database.open("rb") as source:
                archive.add(DATABASE, source, os.fstat(source.fileno()).st_size, step)
        record = _finish(archive, layout, state)
        archive.finish()
    return record


def refuse_milvus(folder: Path) -> None:
    """Refuse a catalogue whose items are in Milvus.

    Raises:
        InvalidInput: they are.
    """
    check_embedded(folder, store_url(folder), _IN_MILVUS)


@dataclass
class _State:
    """One state of the catalogue, with its pictures and database copied."""

    generation: HeldGeneration | None
    sequence: int
    items: int
    pictures: int
    outside: int
    missing: tuple[str, ...]

    def __enter__(self) -> _State:
        return self

    def __exit__(self, *_: object) -> None:
        if self.generation is not None:
            self.generation.close()


def _copy_state(store: Store, layout: Layout, archive: ArchiveWriter, database: Path, progress: Progress) -> _State:
    copies = PictureCopies(layout.folder.resolve(), archive, progress)
    for _ in range(_ATTEMPTS):
        named = store.files.own()
        if len(copies.lacking(named)) > _FEW_PICTURES:
            copies.take(named)
        generation = HeldGeneration.open(layout.index)
        try:
            state = _held_state(store, layout, generation, copies, database, progress)
        except BaseException:
            if generation is not None:
                generation.close()
            raise
        if state is not None:
            return state
        if generation is not None:
            generation.close()
    raise Unavailable(
        f"The catalogue {layout.folder} changed in {_ATTEMPTS} attempts before its newest pictures were copied; "
        "try again when fewer of its pictures are deleted."
    )


def _held_state(
    store: Store,
    layout: Layout,
    generation: HeldGeneration | None,
    copies: PictureCopies,
    database: Path,
    progress: Progress,
) -> _State | None:
    """Copy the present state; None where a newer one must be taken."""
    with store.snapshot():
        if generation is not None and not _fits(store, generation):
            if current(layout.index) != generation.name:
                return None
            raise Damaged(
                f"The index {generation.name} and the change log of {store.path} do not fit together; run 'whatsit "
                "catalogue compact' first."
            )
        named = store.files.own()
        missing = copies.take(named)
        if missing is None:
            return None
        store.copy_to(database, lambda done, total: progress("Copying the database, MB", done // MB, total // MB))
        return _State(
            generation,
            store.changes.position(),
            store.count(),
            len(named) - len(missing),
            store.files.outside(),
            tuple(missing),
        )


def _fits(store: Store, generation: HeldGeneration) -> bool:
    """Return whether the change log leads from the generation to the present state."""
    return store.changes.trimmed() <= generation.manifest.sequence <= store.changes.position()


def _add_generation(archive: ArchiveWriter, generation: HeldGeneration, step: Callable[[int], None]) -> None:
    for name, source in generation.files.items():
        place = f"index/generations/{generation.name}/{name}"
        if size_limit(place) is None:
            raise Damaged(f"The index {generation.name} has a file '{name}' of an unknown kind; {REPAIR}.")
        digest = archive.add(place, source, os.fstat(source.fileno()).st_size, step)
        if name != MANIFEST and digest != generation.manifest.files[name]:
            raise Damaged(f"{name} of the index {generation.name} does not match its checksum; {REPAIR}.")
    archive.add_bytes(CURRENT_FILE, f"{generation.name}\n".encode())


def _finish(archive: ArchiveWriter, layout: Layout, state: _State) -> BackupRecord:
    """Append the small files, the checksums and the record."""
    for name in SMALL_FILES:
        path = layout.folder / name
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Unavailable(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
        archive.add_bytes(name, data)
    made_by = "" if state.generation is None else state.generation.manifest.fingerprint
    network = kept_network(layout.folder, made_by)
    if is_fingerprint(made_by) and network.is_file():  # the embedder beside stays out, as its index does
        archive.add_bytes(PAIRS, ServingPair(made_by).to_json().encode())
        archive.add_bytes(network.relative_to(layout.folder).as_posix(), network.read_bytes())
    files, size = len(archive.sums), archive.bytes
    sums = format_sums(archive.sums)
    record = BackupRecord(
        format=FORMAT,
        version=__version__,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        sequence=state.sequence,
        items=state.items,
        pictures=state.pictures,
        outside=state.outside,
        generation=state.generation.name if state.generation else None,
        files=files,
        size=size,
        sums=hashlib.sha256(sums).hexdigest(),
        missing=len(state.missing),
        missing_names=state.missing[:_NAMES],
    )
    archive.add_bytes(SUMS, sums)
    archive.add_bytes(RECORD, record.to_json().encode())
    return record
