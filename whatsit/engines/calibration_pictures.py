"""Selects the pictures for calibration and for the parity check."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.engines.build_recipe import Calibration
from whatsit.engines.provenance import pictures_hash

Pixels = npt.NDArray[np.uint8]

_BATCH = 8


@dataclass(frozen=True)
class CalibrationPictures:
    """Files selected by a recipe.

    Args:
        calibrating: pictures that set the ranges of activations.
        checking: other pictures, on which INT8 and float are compared.
        data: the folder that contains all of them.
    """

    calibrating: tuple[Path, ...]
    checking: tuple[Path, ...]
    data: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and contents of the calibrating pictures."""
        return pictures_hash(self.calibrating, self.data)


def select_pictures(calibration: Calibration, data: Path) -> CalibrationPictures:
    """Select pictures evenly spaced over the sorted files of each pattern.

    Raises:
        InvalidInput: a pattern matches fewer than two files.
    """
    calibrating: list[list[Path]] = []
    checking: list[list[Path]] = []
    count, checks = (-(-n // len(calibration.pictures)) for n in (calibration.count, calibration.checks))
    for pattern in calibration.pictures:
        every = calibration.leave_out_every
        files = [path for i, path in enumerate(sorted(data.glob(pattern))) if not every or i % every != every - 1]
        if len(files) < 2:
            raise InvalidInput(
                f"No pictures match {pattern} in {data}; pass --data or change the recipe's calibration."
            )
        spread = [files[int(i)] for i in np.unique(np.linspace(0, len(files) - 1, count + checks).astype(int))]
        picked = set(np.linspace(0, len(spread) - 1, min(checks, len(spread) // 2)).astype(int).tolist())
        calibrating.append([path for i, path in enumerate(spread) if i not in picked])
        checking.append([path for i, path in enumerate(spread) if i in picked])
    order = _interleave if calibration.mixed else _concatenate
    return CalibrationPictures(order(calibrating), order(checking), data)


def _concatenate(groups: Sequence[Sequence[Path]]) -> tuple[Path, ...]:
    return tuple(itertools.chain.from_iterable(groups))


def _interleave(groups: Sequence[Sequence[Path]]) -> tuple[Path, ...]:
    """Interleave the groups, so that the first batches contain all of them."""
    rows = itertools.zip_longest(*groups)
    return tuple(path for row in rows for path in row if path is not None)


def read_batches(files: Sequence[Path], prepare: Callable[[Pixels], Pixels]) -> list[Pixels]:
    """Read pictures as network inputs, uint8 [up to 8,3,S,S] each.

    Raises:
        Damaged: a picture cannot be decoded.
    """
    views = []
    for path in files:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise Damaged(f"The picture {path} cannot be read: fetch it again or take it out of the data folder.")
        views.append(prepare(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)))
    return [np.stack(views[at : at + _BATCH]) for at in range(0, len(views), _BATCH)]
