"""The current generation with all its files held open."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from whatsit_client.errors import Damaged, Unavailable

from whatsit.index.current_generation import GENERATIONS, current
from whatsit.index.manifest import MANIFEST, REPAIR, Manifest

_ATTEMPTS = 10
# Descriptors for everything else in the process.
_OTHER_FILES = 256


@dataclass(frozen=True)
class HeldGeneration:
    """The open files of a generation.

    Publishing may remove their folder; their bytes stay until they are closed.

    Args:
        name: of the generation.
        manifest: what it holds.
        files: name -> open file, the manifest's too.
    """

    name: str
    manifest: Manifest
    files: dict[str, BinaryIO]

    @classmethod
    def open(cls, root: Path) -> HeldGeneration | None:
        """Open the current generation of the index in `root`; None before the first one.

        Raises:
            Damaged: a file of it is missing or unreadable.
            Unavailable: the process may not open so many files.
        """
        for _ in range(_ATTEMPTS):
            name = current(root)
            if name is None:
                return None
            try:
                return cls._opened(root / GENERATIONS / name)
            except Damaged:
                if current(root) == name:  # or three newer ones came, and the folder was removed
                    raise
        raise Unavailable(f"Indexes are published in {root} faster than one can be opened; try again later.")

    @classmethod
    def _opened(cls, folder: Path) -> HeldGeneration:
        manifest = Manifest.read(folder)
        _allow_open_files(len(manifest.files) + _OTHER_FILES)
        held = cls(folder.name, manifest, {})
        try:
            for name in (*manifest.files, MANIFEST):
                if Path(name).name != name:
                    raise Damaged(f"The index {folder} names the file '{name}' outside of it; {REPAIR}.")
                held.files[name] = (folder / name).open("rb")
        except OSError as error:
            held.close()
            if isinstance(error, FileNotFoundError):
                raise Damaged(f"{folder / name} of the index is missing; {REPAIR}.") from error
            raise Unavailable(f"{folder / name} of the index cannot be opened ({error.strerror}).") from error
        except Damaged:
            held.close()
            raise
        return held

    def __enter__(self) -> HeldGeneration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(os.fstat(file.fileno()).st_size for file in self.files.values())

    def close(self) -> None:
        """Let go of the files."""
        for file in self.files.values():
            file.close()


def _allow_open_files(count: int) -> None:
    """Raise the soft limit of open files where it is lower, up to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
