"""Strict reader of .tar.zst archives, bounded in memory and in all.

Whatever an archive holds beside such files ends the reading with a sentence: links, devices, folders, other names,
extension headers, a second file of one name. So a hostile archive writes nothing but a catalogue's own files.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.catalogue.backup.archive_writer import BLOCK
from whatsit.catalogue.backup.contents import size_limit

# Four bytes can unfold into 128 KiB, so one such piece into 64 MiB.
_COMPRESSED_PIECE = 2048
_MAX_WINDOW = 1 << 27
_PIECE = 1 << 20
# Vectors and pictures hardly shrink, and free pages of a database shrink to nothing.
_MAX_RATIO = 100
_FREE_BYTES = 1 << 30
_PROGRESS_BYTES = 1 << 20
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.DIRTYPE: "a folder",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@dataclass
class Member:
    """A file of an archive.

    Args:
        name: one of `contents`.
        size: in bytes.
        pieces: its bytes, to be read before the next member.
    """

    name: str
    size: int
    pieces: Iterator[memoryview]


def read_members(
    path: Path, max_bytes: int | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Member]:
    """Yield the files of an archive in their order.

    Args:
        path: of the archive.
        max_bytes: it may have so many, unpacked; None for a hundred times its size and 1 GiB.
        progress: called with the bytes of the archive that are read and in all.

    Raises:
        InvalidInput: it is no .tar.zst archive, or larger than allowed when unpacked.
        Damaged: it is cut off, changed, or holds what no back-up does.
        Unavailable: it cannot be read.
    """
    try:
        file = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise Unavailable(f"The back-up {path} cannot be read ({error.strerror}).") from error
    with file:
        stream = _Stream(path, file, max_bytes or _MAX_RATIO * size + _FREE_BYTES, lambda done: progress(done, size))
        names: set[str] = set()
        while (block := stream.exactly(BLOCK)) != bytes(BLOCK):
            member = _member(stream, block)
            if member.name in names:
                raise Damaged(f"The back-up {path} holds {member.name} twice; use another back-up.")
            names.add(member.name)
            yield member
            for _ in member.pieces:  # what the caller left
                pass
            stream.exactly(-member.size % BLOCK)
        if stream.exactly(BLOCK) != bytes(BLOCK):
            raise stream.damaged("has no end")
        stream.check_end()


def _member(stream: _Stream, block: bytes) -> Member:
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise stream.damaged("is not a tar archive") from error
    name = info.name[:80].encode("unicode_escape").decode()
    limit = size_limit(info.name)
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        kind = _KINDS.get(info.type, "an extension header")
        raise stream.damaged(f"holds {kind} ('{name}'), which no back-up of this version does")
    if limit is None:
        raise stream.damaged(f"holds the file '{name}', which no back-up of this version does")
    if not 0 <= info.size <= limit:
        raise stream.damaged(f"says that {name} has {info.size} bytes, and at most {limit} are allowed")
    return Member(info.name, info.size, stream.pieces(info.size))


class _Stream:
    """The unpacked bytes of an archive.

    Args:
        path: for sentences.
        file: the compressed bytes.
        max_bytes: unpacked bytes that may come.
        progress: called with the compressed bytes that are read.
    """

    def __init__(self, path: Path, file: BinaryIO, max_bytes: int, progress: Callable[[int], None]) -> None:
        self._path, self._file, self._left, self._progress = path, file, max_bytes, progress
        self._compressed = 0
        self._max_bytes = max_bytes
        self._waiting = memoryview(b"")
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
        start = self._read(len(zstandard.FRAME_HEADER))
        if start != zstandard.FRAME_HEADER:
            raise InvalidInput(f"{path} is no back-up: it is not a .tar.zst file.")
        self._zstd.decompress(start)

    def damaged(self, what: str) -> Damaged:
        return Damaged(f"The back-up {self._path} {what}; use another back-up.")

    def exactly(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        while size:
            if not self._waiting and not self._fill():
                raise self.damaged("ends early: it was not copied to its end")
            piece, self._waiting = self._waiting[: min(size, _PIECE)], self._waiting[min(size, _PIECE) :]
            size -= len(piece)
            yield piece

    def check_end(self) -> None:
        """Require the end of the compressed bytes, whose checksum is thereby compared."""
        while self._waiting or self._fill():
            if bytes(self._waiting).strip(b"\0"):
                raise self.damaged("has bytes behind its end")
            self._waiting = memoryview(b"")
        if not self._zstd.eof:
            raise self.damaged("ends early: it was not copied to its end")
        if self._zstd.unused_data or self._read(1):
            raise self.damaged("has bytes behind its end")

    def _fill(self) -> bool:
        """Unpack more; False at the end of the file."""
        while not self._waiting and not self._zstd.eof:
            compressed = self._read(_COMPRESSED_PIECE)
            if not compressed:
                return False
            try:
                self._waiting = memoryview(self._zstd.decompress(compressed))
            except zstandard.ZstdError as error:
                raise self.damaged("is damaged: its compressed bytes were changed") from error
            self._left -= len(self._waiting)
            if self._left < 0:
                raise InvalidInput(
                    f"The back-up {self._path} unpacks to more than {self._max_bytes:,} bytes; if you trust it, allow "
                    "more with --max-size."
                )
        return bool(self._waiting)

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise Unavailable(f"The back-up {self._path} cannot be read ({error.strerror}).") from error
        self._compressed += len(data)
        if self._compressed // _PROGRESS_BYTES != (self._compressed - len(data)) // _PROGRESS_BYTES or not data:
            self._progress(self._compressed)
        return data
