"""Arrays as inputs of a Triton call."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy.typing as npt
from tritonclient.utils import np_to_triton_dtype


def tensors(triton: ModuleType, inputs: Mapping[str, npt.NDArray[Any]]) -> list[Any]:
    """Return the inputs of a call.

    Args:
        triton: `tritonclient.http` or `tritonclient.grpc`.
        inputs: arrays by the tensor's name.
    """
    found = []
    for name, array in inputs.items():
        found.append(triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)))
        found[-1].set_data_from_numpy(array)
    return found
