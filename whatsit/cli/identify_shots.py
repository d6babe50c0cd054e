"""Pictures to identify: files, those of folders, and frames of films."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from whatsit_client.errors import InvalidInput

FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".3gp")
_QUALITY = 95
_SETTLED_SECONDS = 1.0  # a file that was not written to for so long is whole
_OWN = ".whatsit.png"  # what --save writes


@dataclass(frozen=True)
class Shot:
    """One picture to identify.

    Args:
        path: the picture's file, or the film's.
        image: the encoded frame of a film; None for the file itself.
        seconds: of the frame in the film; None for a picture.
    """

    path: Path
    image: bytes | None = None
    seconds: float | None = None

    @property
    def key(self) -> tuple[str, float | None]:
        """Return what names the picture in a file of results."""
        return str(self.path), None if self.seconds is None else round(self.seconds, 3)

    def __str__(self) -> str:
        return str(self.path) if self.seconds is None else f"{self.path} at {self.seconds:.1f} s"


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the files among paths, and the pictures and films below their folders.

    Raises:
        InvalidInput: a folder holds neither.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        below = [file for file in sorted(path.rglob("*")) if is_shown(file, path)]
        if not below:
            raise InvalidInput(f"The folder {path} holds no picture and no film ({', '.join(FILMS)}).")
        found += below
    return found


def is_shown(file: Path, folder: Path) -> bool:
    """Return whether a file below a folder is a picture or a film, and not hidden."""
    from whatsit.vision.picture_file import ENDINGS

    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix.lower() in (*ENDINGS, *FILMS) and not hidden and not file.name.endswith(_OWN) and file.is_file()


def is_film(path: Path) -> bool:
    """Return whether a file's name is that of a film."""
    return path.suffix.lower() in FILMS


def shots_of(path: Path, every: float, done: frozenset[tuple[str, float | None]] = frozenset()) -> Iterator[Shot]:
    """Yield a file's picture, or a film's frames.

    Args:
        path: of the file.
        every: seconds between two frames.
        done: keys of shots that are left out; their frames are not encoded.

    Raises:
        InvalidInput: the film cannot be read.
    """
    if not is_film(path):
        if Shot(path).key not in done:
            yield Shot(path)
        return
    yield from _frames(path, every, done)


def count_of(path: Path, every: float) -> int:
    """Return about how many shots a file has."""
    if not is_film(path) or not path.is_file():
        return 1
    cv2 = opencv()
    film = cv2.VideoCapture(str(path))
    try:
        rate, frames = film.get(cv2.CAP_PROP_FPS), film.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        film.release()
    return int(frames / rate / every) + 1 if rate > 0 and frames > 0 else 1


def settled_files(folder: Path, known: frozenset[Path]) -> list[Path]:
    """Return the new files below a folder that are not being written any more."""
    new = (file for file in sorted(folder.rglob("*")) if file not in known and is_shown(file, folder))
    return [file for file in new if _age(file) >= _SETTLED_SECONDS]


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def opencv() -> ModuleType:
    """Return OpenCV, whose film libraries say nothing by themselves."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    import cv2

    return cv2


def _frames(path: Path, every: float, done: frozenset[tuple[str, float | None]]) -> Iterator[Shot]:
    cv2 = opencv()
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.")
    film = cv2.VideoCapture(str(path))
    try:
        if not film.isOpened():
            raise InvalidInput(f"The film {path} cannot be read: it is damaged, or no kind that OpenCV knows.")
        rate = film.get(cv2.CAP_PROP_FPS)
        rate = rate if 0 < rate < 1000 else 25.0
        number, wanted = 0, 0.0
        while film.grab():
            seconds = number / rate
            number += 1
            if seconds + 0.5 / rate < wanted:
                continue
            wanted += every
            shot = Shot(path, None, seconds)
            if shot.key in done:
                continue
            read, pixels = film.retrieve()
            encoded = read and cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            if encoded and encoded[0]:
                yield Shot(path, encoded[1].tobytes(), seconds)
        if not number:
            raise InvalidInput(f"The film {path} holds no frame that can be read.")
    finally:
        film.release()
