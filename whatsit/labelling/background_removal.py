"""Removal of plain backgrounds from product pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.label_file import OBJECT
from whatsit.evaluation.datasets.labelled_pictures import picture_files

_PLAIN_BORDER = 0.9
_FEW = 0.02


@dataclass(frozen=True)
class NamedPicture:
    """A product picture file and the name that its folder gives it."""

    path: Path
    name: str


def named_pictures(folder: Path) -> list[NamedPicture]:
    """Return all pictures below a folder, named by their first sub-folder or "object".

    Raises:
        InvalidInput: there are none.
    """
    files = picture_files(folder)
    return [NamedPicture(folder / file, file.split("/")[0] if "/" in file else OBJECT) for file in files]


def cut_out(pixels: npt.NDArray[np.uint8], tolerance: int = 12) -> npt.NDArray[np.uint8] | None:
    """Cut a product out of its plain background.

    Args:
        pixels: uint8 [H, W, 4] RGBA, of which the alpha is taken, or [H, W, 3] RGB on a plain background.
        tolerance: largest difference of a channel, 0..255, from the border's median to count as background.

    Returns:
        RGBA uint8 [h, w, 4], cut tightly; None where the background is not plain or covers everything.
    """
    if pixels.shape[2] == 4:
        return _tight(pixels)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.int16)
    plain = np.median(border, axis=0)
    if (np.abs(border - plain).max(axis=1) <= tolerance).mean() < _PLAIN_BORDER:
        return None
    alike = (np.abs(pixels.astype(np.int16) - plain).max(axis=2) <= tolerance).astype(np.uint8)
    # Only what hangs together with the border is background: a white label on the product is part of it.
    _, parts = cv2.connectedComponents(np.pad(alike, 1, constant_values=1), connectivity=4)
    outside = (parts == parts[0, 0])[1:-1, 1:-1]
    solid = cv2.morphologyEx((~outside).astype(np.uint8) * 255, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    alpha = cv2.GaussianBlur(cv2.erode(solid, np.ones((3, 3), np.uint8)), (3, 3), 0)
    return _tight(np.dstack([pixels, alpha]).astype(np.uint8))


def _tight(rgba: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    solid = rgba[..., 3] > 127
    if solid.mean() < _FEW:
        return None
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def write_cutouts(pictures: Sequence[NamedPicture], folder: Path) -> tuple[list[NamedPicture], list[Path]]:
    """Cut products out and write them as PNG files with alpha.

    Args:
        pictures: of products.
        folder: where the PNG files go.

    Returns:
        The cut-outs, and the pictures whose background is not plain.

    Raises:
        InvalidInput: no picture could be cut out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cut, refused = [], []
    for number, picture in enumerate(pictures):
        raw = cv2.imread(str(picture.path), cv2.IMREAD_UNCHANGED)
        rgba = None
        if raw is not None and raw.dtype == np.uint8:
            channels = 1 if raw.ndim == 2 else raw.shape[2]
            code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}[channels]
            rgba = cut_out(np.asarray(cv2.cvtColor(raw, code), dtype=np.uint8))
        if rgba is None:
            refused.append(picture.path)
            continue
        path = folder / f"{number:05d}.png"
        cv2.imwrite(str(path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
        cut.append(NamedPicture(path, picture.name))
    if not cut:
        raise InvalidInput(
            "None of the product pictures has a plain background or an alpha channel: pass pictures on white, or PNG "
            "files with alpha."
        )
    return cut, refused
