"""Compressed tar files, unpacked into temporary ones to find their members."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.sources.picture_location import TarImage
from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.catalogue.sources.tar_shards import Shards

_BLOCK = 1 << 16
# Pictures are packed already: a file that grows more than this is made to fill a disk.
_MOST_RATIO = 100
_ALWAYS_ALLOWED = 1 << 30


def _open(path: Path) -> io.BufferedIOBase:
    """Open a compressed file by its ending."""
    ending = path.name.lower().rpartition(".")[2]
    if ending in ("gz", "tgz"):
        return gzip.GzipFile(path)
    if ending in ("bz2", "tbz2"):
        return bz2.BZ2File(path)
    if ending in ("xz", "txz"):
        return lzma.LZMAFile(path)
    try:
        import zstandard
    except ModuleNotFoundError as error:
        raise Unavailable("Files .tar.zst need zstandard: pip install 'whatsit[pipeline]'.") from error
    return cast(io.BufferedIOBase, zstandard.open(path, "rb"))


ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


class CompressedShards:
    """Tar files that are compressed as a whole; see `Shards`.

    Each is unpacked when its turn comes, into a temporary folder that lives as long as this object. Its pictures cannot
    be read later where they lie, so that the catalogue keeps them.

    Args:
        paths: of the files, in the order in which they are read.

    Raises:
        InvalidInput: the first one cannot be unpacked, or is no tar file.
        OSError: it cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._folder = tempfile.TemporaryDirectory(prefix="whatsit-tar-")
        self._unpacked: dict[Path, tuple[Path, str | None]] = {}
        first, problem = self._plain(self.paths[0])
        try:
            self._first = Shards([first])
        except InvalidInput as error:
            reason = f" ({problem})" if problem else ""
            raise InvalidInput(f"{self.paths[0]} holds no file, or is no tar file{reason}.") from error

    def count(self) -> int:
        """Return about how many items there are, by the first file and all sizes."""
        sizes = [path.stat().st_size if path.is_file() else 0 for path in self.paths]
        return round(self._first.count() * sum(sizes) / max(sizes[0], 1))

    def notes(self) -> list[str]:
        """Return what happens to the pictures."""
        return ["the pictures of a compressed archive are kept in the catalogue's folder"]

    def __iter__(self) -> Iterator[Row | Skipped]:
        for path in self.paths:
            try:
                plain, problem = self._plain(path)
                for row in Shards([plain]):
                    yield _shown(row, str(plain), path)
                if problem:
                    yield Skipped(str(path), f"the rest of it cannot be unpacked ({problem})")
            except (InvalidInput, OSError) as error:  # noqa: PERF203 # a file that is gone must not cost the others
                reason = getattr(error, "strerror", None) or str(error).rstrip(".")
                yield Skipped(str(path), f"it cannot be read ({reason})")

    def _plain(self, path: Path) -> tuple[Path, str | None]:
        """Unpack a file once; return the copy, and what ended it early."""
        if path not in self._unpacked:
            target = Path(self._folder.name, f"{len(self._unpacked):06d}.tar")
            self._unpacked[path] = (target, _unpack(path, target))
        return self._unpacked[path]


def ending_of(path: Path) -> str | None:
    """Return the ending of a compressed tar file, None for any other file."""
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)


def _shown(row: Row | Skipped, copy: str, path: Path) -> Row | Skipped:
    """Return a row as of the file that the copy was made of."""
    row = replace(row, place=row.place.replace(copy, str(path)))
    if isinstance(row, Skipped):
        return row
    whole = str(path.resolve())
    return replace(
        row, images=tuple(replace(image, shown=whole) if isinstance(image, TarImage) else image for image in row.images)
    )


def _unpack(path: Path, target: Path) -> str | None:
    """Unpack what can be; return what ended it early, None for nothing.

    Raises:
        InvalidInput: it grows far more than files of pictures do.
        OSError: the file cannot be read, or the copy not be written.
    """
    most = max(_ALWAYS_ALLOWED, _MOST_RATIO * path.stat().st_size)
    written = 0
    with target.open("wb") as copy, path.open("rb"), _open(path) as source:
        while True:
            try:
                block = source.read1(_BLOCK)  # what there is before any damage
            except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, ValueError, OSError) as error:
                return " ".join(str(error).split())[:100] or type(error).__name__
            except Exception as error:  # zstandard's own, which is not a child of any of these
                return " ".join(str(error).split())[:100]
            if not block:
                return None
            written += len(block)
            if written > most:
                raise InvalidInput(f"it unpacks to more than {_MOST_RATIO} times its size")
            copy.write(block)
