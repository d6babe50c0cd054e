"""Verification of a catalogue's folder, or of a back-up."""

from __future__ import annotations

import hashlib
from pathlib import Path

from whatsit_client.errors import Damaged, Unavailable

from whatsit.catalogue.backup.archive_check import read_archive
from whatsit.catalogue.backup.backup import refuse_milvus
from whatsit.catalogue.backup.contents import MB
from whatsit.catalogue.backup.findings import Findings
from whatsit.catalogue.backup.held_generation import HeldGeneration
from whatsit.catalogue.backup.picture_check import SETTLE_SECONDS, check_clicks, check_orphans, check_pictures
from whatsit.catalogue.backup.vector_check import compare_vectors
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.index import Generation, current, open_generation
from whatsit.index.shard_files import Progress, quiet

_ATTEMPTS = 10
_PIECE = 1 << 20


def verify(
    place: Path, max_bytes: int | None = None, settle: float = SETTLE_SECONDS, progress: Progress = quiet
) -> Findings:
    """Look for everything that is wrong with a catalogue, or with a back-up.

    A catalogue may be searched and changed meanwhile.

    Args:
        place: a catalogue's folder, or a back-up.
        max_bytes: a back-up may have so many, unpacked; None for a hundred times its size and 1 GiB.
        settle: seconds after which a picture without a row belongs to no change under way.
        progress: called with the stage, and what is done and in all.

    Raises:
        InvalidInput: the catalogue is in Milvus, or the file is no back-up.
        Unavailable: there is no catalogue.
    """
    if place.is_dir():
        return _verify_folder(place, settle, progress)
    found = Findings()
    try:
        archive = read_archive(place, None, max_bytes, progress)
    except Damaged as error:
        found.add("checksum", place, str(error).removeprefix(f"The back-up {place} ").rstrip("."))
        return found
    record = archive.record
    found.items, found.pictures, found.files = record.items, record.pictures, record.files
    for wrong in archive.wrong:
        name, _, what = wrong.partition(" ")
        found.add("checksum", name, what)
    if record.missing:
        found.notes.append(
            f"{record.missing} pictures were missing or changed when the back-up was made, such as "
            f"{record.missing_names[0]}."
        )
    return found


def _verify_folder(folder: Path, settle: float, progress: Progress) -> Findings:
    refuse_milvus(folder)
    layout, found = Layout(folder), Findings()
    if not layout.store.is_file():
        raise Unavailable(f"There is no catalogue {layout.store}; name the folder of one, or a back-up.")
    try:
        with Store(layout.store, read_only=True) as store:
            progress("Checking the database", 0, 0)
            for wrong in store.integrity():
                found.add("database", layout.store, f"is damaged: {wrong}")
            found.items = store.count()
            sound = _check_index(layout.index, found, progress)
            if sound and not found.problems:
                progress("Comparing the index", 0, 0)
                _check_vectors(store, layout.index, found)
            check_pictures(store, layout, found, progress)
            check_clicks(store, layout, found)
            check_orphans(store, layout, found, settle)
    except Damaged as error:
        found.add("database", layout.store, f"cannot be checked further: {str(error).rstrip('.')}")
    return found


def _check_index(root: Path, found: Findings, progress: Progress) -> bool:
    """Compare the current generation's checksums; return whether it is sound."""
    try:
        held = HeldGeneration.open(root)
    except Damaged as error:
        found.add("index", root, f"cannot be opened: {str(error).rstrip('.')}")
        return False
    if held is None:
        if found.items:
            found.notes.append("No index was published yet; 'whatsit catalogue publish' makes one.")
        return False
    with held:
        total, done, sound = held.bytes, 0, True
        for name, expected in held.manifest.files.items():
            digest = hashlib.sha256()
            while piece := held.files[name].read(_PIECE):
                digest.update(piece)
                done += len(piece)
                progress("Reading the index, MB", done // MB, total // MB)
            if digest.hexdigest() != expected:
                sound = False
                found.add("index", f"{name} of the index {held.name}", "does not match its checksum")
            found.files += 1
    return sound


def _check_vectors(store: Store, root: Path, found: Findings) -> None:
    """Require every vector in the index, or its item in the change log."""
    for _ in range(_ATTEMPTS):
        name = current(root)
        try:
            generation = open_generation(root, verify=False)
            with store.snapshot():
                fits = store.changes.trimmed() <= generation.manifest.sequence <= store.changes.position()
                if fits:
                    _compare(store, generation, found)
                    return
        except Damaged as error:
            if current(root) == name:
                found.add("index", root, f"cannot be compared: {str(error).rstrip('.')}")
                return
        if current(root) == name:
            found.add("index", root, "does not fit the change log; run 'whatsit catalogue compact'")
            return
    raise Unavailable(f"Indexes are published in {root} faster than one can be compared; try again later.")


def _compare(store: Store, generation: Generation, found: Findings) -> None:
    known, manifest = store.fingerprints(), generation.manifest
    fingerprint = manifest.fingerprint if manifest.vectors else (known or [""])[0]
    vectors, numbers = store.vectors(fingerprint)
    found.vectors = len(vectors)
    if len(vectors) and manifest.vectors and vectors.shape[1] != manifest.dimension:
        found.add("index", f"The index {generation.name}", "holds vectors of another length than the catalogue")
        return
    changed = store.changes.items_after(manifest.sequence)
    for number, wrong in compare_vectors(generation, vectors, numbers, changed):
        record = store.records([number]).get(number)
        found.add("vector", f"The item '{record['id']}'" if record else f"The item with the number {number}", wrong)
    others = len(set(known) - {fingerprint})
    if others:
        found.notes.append(
            f"There are vectors of {others} other embedders, which no index holds; 'whatsit catalogue add' embeds such "
            "items again."
        )
