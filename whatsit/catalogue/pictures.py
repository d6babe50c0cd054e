"""Pictures that callers sent: kept in the catalogue's own folder, so that another embedder can be put to them later."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from whatsit_client.errors import Unavailable

from whatsit.index.current import sync_folder

_ENDINGS = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp"))


def keep_picture(folder: Path, data: bytes) -> Path:
    """Write a picture to a new file of `folder` and make it outlive a power cut.

    Raises:
        Unavailable: the file cannot be written.
    """
    ending = next((ending for start, ending in _ENDINGS if data.startswith(start)), ".img")
    path = folder.resolve() / f"{uuid.uuid4().hex}{ending}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Unavailable(f"The picture cannot be kept in {folder} ({error.strerror or error}).") from error
    return path


def forget_pictures(folder: Path, paths: Iterable[str]) -> None:
    """Delete those of the files that `keep_picture` wrote to `folder`; a merchant's own files are left alone."""
    home = folder.resolve()
    for path in map(Path, paths):
        if path.parent == home:
            path.unlink(missing_ok=True)
