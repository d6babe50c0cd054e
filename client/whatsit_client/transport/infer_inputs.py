"""Input tensors in the form of tritonclient."""

from __future__ import annotations

from typing import Any

from tritonclient.utils import np_to_triton_dtype

from whatsit_client.tensors import Tensors


def to_infer_inputs(tensor: type[Any], inputs: Tensors) -> list[Any]:
    """Return each input as an `InferInput` of tritonclient's HTTP or gRPC module."""
    tensors = []
    for name, array in inputs.items():
        one = tensor(name, list(array.shape), np_to_triton_dtype(array.dtype))
        one.set_data_from_numpy(array)
        tensors.append(one)
    return tensors
