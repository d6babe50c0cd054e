"""Reading of a whole back-up with every checksum compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from whatsit_client.errors import Damaged

from whatsit.catalogue.backup.archive_reader import Member, read_members
from whatsit.catalogue.backup.contents import DATABASE, MB, RECORD, SUMS, BackupRecord, parse_sums
from whatsit.index.shard_files import Progress, quiet


@dataclass(frozen=True)
class CheckedArchive:
    """What reading a back-up found.

    Args:
        record: what it says of itself.
        wrong: files that differ from their checksum, have none, or are missing; () where all is well.
    """

    record: BackupRecord
    wrong: tuple[str, ...]


def read_archive(
    path: Path, target: Path | None = None, max_bytes: int | None = None, progress: Progress = quiet
) -> CheckedArchive:
    """Read a back-up and compare all of its checksums.

    Args:
        path: of the archive.
        target: an empty folder for its files; None to write nothing.
        max_bytes: see `read_members`.
        progress: called with the stage and the megabytes of the archive that are read and in all.

    Raises:
        InvalidInput: it is no back-up, or larger than allowed when unpacked.
        Damaged: it is cut off or damaged so that its files cannot be told.
        Unavailable: it cannot be read.
        OSError: a file cannot be written.
    """
    found: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    for member in read_members(
        path, max_bytes, lambda done, total: progress("Reading the back-up, MB", done // MB, total // MB)
    ):
        if texts and (member.name != RECORD or RECORD in texts):
            raise Damaged(f"The back-up {path} holds {member.name} behind its checksums; use another back-up.")
        if member.name in (SUMS, RECORD):
            texts[member.name] = b"".join(member.pieces)
            continue
        found[member.name] = _digest(member, target)
    if SUMS not in texts or RECORD not in texts:
        raise Damaged(f"The back-up {path} has no {SUMS if SUMS not in texts else RECORD}; use another back-up.")
    record = BackupRecord.from_json(texts[RECORD], str(path))
    if hashlib.sha256(texts[SUMS]).hexdigest() != record.sums:
        raise Damaged(f"{SUMS} in the back-up {path} does not match its checksum; use another back-up.")
    return CheckedArchive(record, tuple(_differences(found, parse_sums(texts[SUMS], str(path)))))


def _differences(found: dict[str, str], expected: dict[str, str]) -> Iterator[str]:
    for name in sorted(expected.keys() | {DATABASE}):
        if name not in found:
            yield f"{name} is missing"
        elif found[name] != expected.get(name):
            yield f"{name} does not match its checksum"
    for name in sorted(found.keys() - expected.keys() - {DATABASE}):
        yield f"{name} has no checksum"


def _digest(member: Member, target: Path | None) -> str:
    digest = hashlib.sha256()
    with _opened(member, target) as file:
        for piece in member.pieces:
            digest.update(piece)
            if file is not None:
                file.write(piece)
    return digest.hexdigest()


@contextmanager
def _opened(member: Member, target: Path | None) -> Iterator[BinaryIO | None]:
    if target is None:
        yield None
        return
    place = target / member.name  # one of a few fixed forms; see `size_limit`
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        yield file
