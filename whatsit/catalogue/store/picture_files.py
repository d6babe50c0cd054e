"""Picture files in the catalogue's folder, and the stored form of paths."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.item import Picture
from whatsit.catalogue.sources.cloud_image import CloudImage, is_cloud
from whatsit.catalogue.sources.picture_location import archived_picture
from whatsit.index.current_generation import sync_folder
from whatsit.vision.decode import MAX_BYTES

_ENDINGS = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp"))
# Names that only `keep_picture` gives: a text that a caller sent as an item's image is hardly ever one.
_KEPT = re.compile(r"(pictures|clicks)/[0-9a-f]{32}\.(jpg|png|webp|img)", re.ASCII)


def keep_picture(folder: Path, data: bytes, key: str | None = None) -> Path:
    """Write a picture to a file of `folder` and make it outlive a power cut.

    Args:
        folder: in the catalogue's folder, made if it is not there.
        data: the encoded picture.
        key: what the file is named by, so that the same key gives the same file; None for a new one.

    Raises:
        Unavailable: the file cannot be written.
    """
    ending = next((ending for start, ending in _ENDINGS if data.startswith(start)), ".img")
    name = uuid.uuid4().hex if key is None else hashlib.sha256(key.encode()).hexdigest()[:32]
    path = folder.resolve() / f"{name}{ending}"
    part = path.with_suffix(f".{uuid.uuid4().hex}.part")
    try:
        folder.mkdir(exist_ok=True)  # not its parent: a catalogue that was moved away is not begun anew
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):  # a read-only disk refuses that too
            part.unlink(missing_ok=True)
        raise Unavailable(f"The picture cannot be kept in {folder} ({error.strerror or error}).") from error
    return path


def keep_again(kept: Path | None, folder: Path, data: bytes) -> Path:
    """Keep a picture under a new name, without its bytes twice where `kept` has them.

    Args:
        kept: a file with the same bytes; None for none.
        folder: see `keep_picture`.
        data: the encoded picture.

    Raises:
        Unavailable: the file cannot be written.
    """
    if kept is not None:
        path = folder.resolve() / f"{uuid.uuid4().hex}{kept.suffix}"
        try:
            os.link(kept, path)
            sync_folder(folder)
        except OSError:  # gone meanwhile, or a disk without links
            path.unlink(missing_ok=True)
        else:
            return path
    return keep_picture(folder, data)


def forget_pictures(folder: Path, pictures: Iterable[Picture]) -> None:
    """Delete the pictures' files that `keep_picture` wrote to `folder`."""
    home = folder.resolve()
    for picture in pictures:
        kept = [] if picture.facts.kept is None else [home / picture.facts.kept]
        for path in (Path(picture.path), *kept):
            if path.parent == home:
                path.unlink(missing_ok=True)


def stored_path(path: str, folder: Path) -> str:
    """Return a path as it is stored: own files relative to the catalogue's folder.

    So a catalogue may be moved with all that it keeps.

    Args:
        path: of a file, or its address on the web.
        folder: the catalogue's folder, absolute and without symbolic links.
    """
    home = f"{folder}/"
    inner = path[len(home) :] if path.startswith(home) else ""
    return inner if is_own(inner) else path


def is_own(path: str) -> bool:
    """Return whether a stored path is of a file that the catalogue keeps."""
    return _KEPT.fullmatch(path) is not None


def whole_path(path: str, folder: Path) -> str:
    """What `stored_path` made shorter, where it lies now; any other path as it is."""
    return str(folder / path) if is_own(path) else path


def read_picture(path: str, folder: Path) -> bytes:
    """Return the bytes of a stored picture: a file, or `archive#name`.

    Args:
        path: as stored, or as the store gives it.
        folder: the catalogue's folder, absolute.

    Raises:
        InvalidInput: it is not there, cannot be read, or lies on the web.
    """
    try:
        if is_cloud(path):
            return CloudImage(path).read(MAX_BYTES + 1)
        if archived := archived_picture(path):
            return archived.read(MAX_BYTES + 1)
        with Path(whole_path(path, folder)).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The picture {path} cannot be read ({error}).") from error
