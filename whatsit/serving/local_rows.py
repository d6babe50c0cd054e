"""Local features as the tensor LOCAL that `regions` sends to `retrieval`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from whatsit.vision.local_features import ROW, LocalFeatures

LocalRows = npt.NDArray[np.uint8]

# Triton passes no empty tensor between steps reliably: the first row is all zeros and is ignored.
NO_LOCAL_ROWS: LocalRows = np.zeros((1, 1 + ROW), dtype=np.uint8)


def pack_local_rows(features: Sequence[LocalFeatures]) -> LocalRows:
    """Pack the features of each region as uint8 [M,133].

    A row is the region's index and a row of `LocalFeatures`.
    """
    rows = [np.insert(one.rows, 0, region, axis=1) for region, one in enumerate(features)]
    return np.concatenate([NO_LOCAL_ROWS, *rows])


def unpack_local_rows(rows: LocalRows, regions: int) -> list[LocalFeatures]:
    """Return what `pack_local_rows` packed, for each of so many regions."""
    packed = rows[1:]
    return [LocalFeatures(np.ascontiguousarray(packed[packed[:, 0] == region, 1:])) for region in range(regions)]
