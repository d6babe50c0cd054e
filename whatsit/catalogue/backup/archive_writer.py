"""Writer of .tar.zst archives of plain files, with their checksums."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import zstandard
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.catalogue.backup.working_folder import write_errors
from whatsit.engines.available_cores import available_cores
from whatsit.index.current_generation import sync_folder

BLOCK = tarfile.BLOCKSIZE
_PIECE = 1 << 20
_LEVEL = 3
_THREADS = 4


def header(name: str, size: int) -> bytes:
    """Return the tar header of a plain file, one block whatever its size."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


class ArchiveWriter:
    """An archive that is being written.

    Args:
        part: where it is written.
        path: where it is put when it is whole.
        overwrite: replace a file that is there.

    Raises:
        InvalidInput: there is such a file and it may not be replaced, or a folder is in its place.
    """

    def __init__(self, part: Path, path: Path, overwrite: bool) -> None:
        self._part, self._path, self._overwrite = part, path, overwrite
        self.sums: dict[str, str] = {}
        self.bytes = 0
        self._refuse_existing()

    def __enter__(self) -> ArchiveWriter:
        with ExitStack() as stack, write_errors(self._path):
            self._file = stack.enter_context(self._part.open("xb"))
            threads = min(_THREADS, available_cores())
            compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=threads, write_checksum=True)
            self._stream = compressor.stream_writer(self._file, closefd=False)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if error is not None:
            self._part.unlink(missing_ok=True)

    def add(self, name: str, source: BinaryIO, size: int, progress: Callable[[int], None] = lambda done: None) -> str:
        """Append a file.

        Args:
            name: one of `contents`.
            source: its bytes.
            size: how many there are.
            progress: called with the bytes of each piece.

        Returns:
            SHA-256, hex.

        Raises:
            Damaged: the source cannot be read or has fewer bytes.
            Unavailable: the archive cannot be written.
        """
        digest = hashlib.sha256()
        self._write(header(name, size))
        left = size
        while left:
            try:
                piece = source.read(min(_PIECE, left))
            except OSError as error:
                raise Damaged(f"{name} cannot be read ({error.strerror}); check that disk.") from error
            if not piece:
                raise Damaged(f"{name} ends {left} bytes early; it was changed while it was read, so try again.")
            digest.update(piece)
            self._write(piece)
            left -= len(piece)
            progress(len(piece))
        self._write(bytes(-size % BLOCK))
        self.sums[name] = digest.hexdigest()
        self.bytes += size
        return self.sums[name]

    def add_bytes(self, name: str, data: bytes) -> str:
        """Append a file of these bytes; see `add`."""
        return self.add(name, io.BytesIO(data), len(data))

    def finish(self) -> None:
        """End the archive and give it its name.

        Raises:
            Unavailable: the archive cannot be written.
            InvalidInput: a file of that name has come meanwhile.
        """
        self._write(bytes(2 * BLOCK))
        with write_errors(self._path):
            self._stream.flush(zstandard.FLUSH_FRAME)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._refuse_existing()
            self._part.replace(self._path)
            sync_folder(self._path.absolute().parent)

    def _write(self, data: bytes) -> None:
        with write_errors(self._path):
            self._stream.write(data)

    def _refuse_existing(self) -> None:
        if self._path.is_dir():
            raise InvalidInput(f"{self._path} is a folder; name a file such as {self._path}/catalogue.tar.zst.")
        if self._path.exists() and not self._overwrite:
            raise InvalidInput(f"{self._path} is there already; name another file, or replace it with --overwrite.")
