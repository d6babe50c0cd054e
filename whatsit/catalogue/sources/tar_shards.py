"""Tar shards in WebDataset's form: `KEY.jpg`, `KEY.json`, `KEY.txt` are one item."""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from glob import glob
from itertools import groupby
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.picture_folder import PICTURES
from whatsit.catalogue.sources.picture_location import TarImage
from whatsit.catalogue.sources.source_row import Row, Skipped
from whatsit.catalogue.sources.table_columns import row_of

_BLOCK = 512
_MOST_TEXT = 1 << 20
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_Member = tuple[str, int, int]  # name, offset of its bytes, size


class Shards:
    """Uncompressed tar files; adjacent members with one stem are an item.

    Pictures are `KEY.jpg` (.jpeg, .png, .webp; several as `KEY.1.jpg`, `KEY.2.jpg`). `KEY.json` is an object with the
    columns of a table (id, title, …; see `row_of`), `KEY.txt` a title. The id is the object's, else KEY. Pictures are
    read where they lie when their turn comes. Other members become nothing.

    Args:
        paths: of the files, in the order in which they are read.

    Raises:
        InvalidInput: the first one is no uncompressed tar file.
        OSError: it cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        keys = [key for key, _ in groupby(_members(self.paths[0]), key=_key_of)]
        self._first = len(keys)
        if not any(key is not None for key in keys):
            raise InvalidInput(f"{self.paths[0]} holds no file, or is no uncompressed tar file.")

    def count(self) -> int:
        """Return about how many items there are, by the first shard and all sizes."""
        sizes = [path.stat().st_size if path.is_file() else 0 for path in self.paths]
        return round(self._first * sum(sizes) / max(sizes[0], 1))

    def notes(self) -> list[str]:
        """Return nothing: the form of shards is fixed."""
        return []

    def __iter__(self) -> Iterator[Row | Skipped]:
        for path in self.paths:
            try:
                for key, members in groupby(_members(path), key=_key_of):
                    if key is None:
                        yield from (one for one in members if isinstance(one, Skipped))
                    else:
                        yield _row(path, key, [one for one in members if not isinstance(one, Skipped)])
            except OSError as error:  # noqa: PERF203 # a shard that is gone must not cost the others
                yield Skipped(str(path), f"it cannot be read ({error.strerror or error})")


def expand(pattern: str) -> list[Path]:
    """Return the files of `shard-{000000..000009}.tar` or `shard-*.tar`.

    Raises:
        InvalidInput: no file fits it.
    """
    found = _RANGE.search(pattern)
    if found:
        first, last = found.groups()
        names = (f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1))
        paths = [one for name in names for one in expand(pattern[: found.start()] + name + pattern[found.end() :])]
    elif glob(pattern):
        paths = sorted(map(Path, glob(pattern)))
    else:
        paths = [] if any(mark in pattern for mark in "*?[") else [Path(pattern)]
    if not paths:
        raise InvalidInput(f"There is no file {pattern}.")
    return paths


def _key_of(member: _Member | Skipped) -> str | None:
    if isinstance(member, Skipped):
        return None
    folder, slash, name = member[0].rpartition("/")
    return folder + slash + name.partition(".")[0]


def _row(archive: Path, key: str, members: Sequence[_Member]) -> Row | Skipped:
    place = f"{archive} {key}"
    images = [TarImage(archive, *one) for one in members if one[0].lower().endswith(PICTURES)]
    values: dict[str, Any] = {}
    for name, offset, size in members:
        suffix = name.lower().rpartition(".")[2]
        if suffix not in ("json", "txt"):
            continue
        try:
            text = TarImage(archive, name, offset, size).read(_MOST_TEXT + 1)
            read = json.loads(text) if suffix == "json" else {"title": text.decode()}
        except (OSError, ValueError, RecursionError) as error:
            return Skipped(place, f"its {suffix} cannot be read ({str(error)[:100]})")
        if not isinstance(read, dict):
            return Skipped(place, "its json is not a JSON object")
        values = {**values, **read} if suffix == "json" else {**read, **values}
    if not images:
        return Skipped(place, "it has no image")
    return row_of({"id": key, **values}, archive.parent, place, images)


def _members(path: Path) -> Iterator[_Member | Skipped]:
    """Return the files in an archive, and where its bytes are damaged."""
    end = 0
    with path.open("rb") as file:
        try:
            # `ignore_zeros` looks for the next sound header behind a damaged one, and reads archives joined together.
            with tarfile.open(fileobj=file, mode="r:", ignore_zeros=True) as tar:
                for member in tar:
                    if member.offset > end and _any_bytes(file, end, member.offset):
                        yield _damage(path, end)
                    end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
                    if member.isreg():
                        yield member.name, member.offset_data, member.size
                    tar.members = []  # type: ignore[attr-defined] # its stubs lack the list, which grows with the shard
                if _any_bytes(file, end, os.fstat(file.fileno()).st_size):
                    yield _damage(path, end)
        except tarfile.TarError:
            yield _damage(path, end)


def _damage(path: Path, offset: int) -> Skipped:
    return Skipped(f"{path} byte {offset}", "the archive is damaged there")


def _any_bytes(file: Any, start: int, end: int) -> bool:
    """Return whether there is anything but zeros."""
    at = file.tell()
    try:
        file.seek(start)
        left = max(end - start, 0)
        while left:
            block = file.read(min(left, 1 << 20))
            if not block:
                return False
            if block.strip(b"\0"):
                return True
            left -= len(block)
        return False
    finally:
        file.seek(at)
