"""Input tensors, as either of tritonclient's modules writes them."""

from __future__ import annotations

from typing import Any

from tritonclient.utils import np_to_triton_dtype

from whatsit_client.tensors import Tensors


def written(tensor: type[Any], inputs: Tensors) -> list[Any]:
    """Each input as one of `tensor`, the `InferInput` of HTTP or of gRPC."""
    tensors = []
    for name, array in inputs.items():
        one = tensor(name, list(array.shape), np_to_triton_dtype(array.dtype))
        one.set_data_from_numpy(array)
        tensors.append(one)
    return tensors
