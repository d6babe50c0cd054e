"""Training pictures decoded and shrunk once, in one memory-mapped file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CachedPicture(LabelledPicture):
    """A labelled picture whose pixels are in memory or mapped.

    Args:
        stored: RGB uint8 [H, W, 3]; boxes are in its pixels.
    """

    stored: Pixels | None = None

    def pixels(self) -> Pixels:
        """Return the picture, RGB uint8 [H, W, 3]."""
        return super().pixels() if self.stored is None else self.stored


def cache_pictures(
    name: str, pictures: Sequence[LabelledPicture], longest: int, folder: Path, console: Console
) -> list[LabelledPicture]:
    """Decode pictures once, their longer side at most `longest`; keep them in a file.

    Args:
        name: of the set, for file names.
        pictures: in any order; the file is written anew when paths or `longest` change.
        longest: pixels.
        folder: where `NAME.pixels` and `NAME.json` are kept.
        console: shows progress.

    Raises:
        Damaged: a picture cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, index = folder / f"{name}.pixels", folder / f"{name}.json"
    text = "\n".join([str(longest), *(str(picture.path) for picture in pictures)])
    key = hashlib.sha256(text.encode()).hexdigest()
    known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    if known.get("key") != key:
        known = {"key": key, "sides": _write(file, name, pictures, longest, console)}
        index.write_text(json.dumps(known), encoding="utf-8")
    if not pictures:
        return []
    mapped = np.memmap(file, dtype=np.uint8, mode="r")
    result: list[LabelledPicture] = []
    start = 0
    for picture, (height, width, scale) in zip(pictures, known["sides"], strict=True):
        stored = mapped[start : start + height * width * 3].reshape(height, width, 3)
        start += stored.size
        factor = np.float32(scale)
        boxes, doubtful = picture.boxes * factor, picture.doubtful * factor
        more = (picture.weights, picture.background, np.asarray(stored))
        result.append(CachedPicture(picture.path, boxes, picture.labels, doubtful, *more))
    return result


def _write(
    file: Path, name: str, pictures: Sequence[LabelledPicture], longest: int, console: Console
) -> list[tuple[int, int, float]]:
    """Write the pixels one after the other; return height, width and scale of each."""
    sides = []
    part = file.with_suffix(".part")
    with part.open("wb") as out, Progress(console=console) as progress:
        for picture in progress.track(pictures, description=f"Decoding {name}"):
            pixels = picture.pixels()
            height, width = pixels.shape[:2]
            scale = min(1.0, longest / max(height, width))
            if scale < 1:
                inner = (max(1, round(width * scale)), max(1, round(height * scale)))
                pixels = np.asarray(cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            out.write(np.ascontiguousarray(pixels).tobytes())
            sides.append((pixels.shape[0], pixels.shape[1], scale))
    part.replace(file)
    return sides
