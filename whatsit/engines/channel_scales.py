"""Weight scales that avoid the 16-bit saturation of CPUs without VNNI."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_LIMIT = 127
"""Largest sum of two neighbouring int8 weights: 255 * (127 + 1 of rounding) still fits in 16 bits."""


def channel_scales(weight: FloatArray) -> FloatArray:
    """Choose the scale of each output channel of a dense convolution.

    Without VNNI the CPU multiplies uint8 activations with int8 weights by `vpmaddubsw`: two neighbouring products along
    the reduction are summed in 16 bits and saturate at 32,767. ONNX Runtime's `reduce_range` halves every weight for
    that. It is enough that no two neighbours of equal sign sum to more than 128, which costs most channels a fifth of
    their range instead of a half. With VNNI the same file gives the same answers.

    Args:
        weight: f32 [out, in, kh, kw].

    Returns:
        f32 [out], positive.
    """
    out = len(weight)
    largest = np.abs(weight).reshape(out, -1).max(axis=1)
    # ONNX Runtime reduces along (kh, kw, in) where it works channels-last, and along (in, kh, kw) where it does not.
    orders = (weight.transpose(0, 2, 3, 1).reshape(out, -1), weight.reshape(out, -1))
    sums = np.max([_largest_neighbours(rows) for rows in orders], axis=0)
    scales = np.maximum(largest, sums) / _LIMIT
    return np.asarray(np.where(scales > 1e-12, scales, 1.0), np.float32)


def _largest_neighbours(rows: FloatArray) -> FloatArray:
    """Return the largest |a + b| per row over pairs (0, 1), (2, 3), … of equal sign."""
    if rows.shape[1] % 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    first, second = rows[:, 0::2], rows[:, 1::2]
    return np.asarray(np.where(np.sign(first) == np.sign(second), np.abs(first + second), 0).max(axis=1), np.float32)
