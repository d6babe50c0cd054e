"""Tensors go in and out of DLPack capsules without a copy, and nothing is freed too early or never."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.engines import dlpack
from whatsit.engines.dlpack import CPU, DeviceTensor


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.float16, np.float32, np.bool_])
def test_round_trip_shares_memory(dtype: type[np.generic]) -> None:
    array = np.arange(24).reshape(4, 6).astype(dtype)
    tensor = DeviceTensor.from_capsule(array.__dlpack__())
    assert (tensor.pointer, tensor.shape, tensor.dtype) == (array.ctypes.data, (4, 6), array.dtype)
    assert tensor.device == (CPU, 0)
    back = np.from_dlpack(tensor)
    assert np.shares_memory(back, array)
    np.testing.assert_array_equal(back, array)


def test_rows_are_a_part_of_the_same_memory() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    part = DeviceTensor.from_capsule(array.__dlpack__()).rows(1, 3)
    assert part.nbytes == 2 * 3 * 2 * 4
    np.testing.assert_array_equal(np.from_dlpack(part), array[1:3])


def test_the_owner_lives_as_long_as_the_consumer() -> None:
    class Owner:
        gone = False

        def __del__(self) -> None:
            Owner.gone = True

    array = np.ones(3, np.float32)
    consumer = np.from_dlpack(DeviceTensor(array.ctypes.data, (3,), array.dtype, (CPU, 0), Owner()))
    gc.collect()
    assert not Owner.gone
    del consumer
    gc.collect()
    assert Owner.gone
    assert not dlpack._EXPORTED


def test_a_capsule_that_nobody_consumes_is_freed() -> None:
    array = np.ones(3, np.float32)
    capsule = DeviceTensor(array.ctypes.data, (3,), array.dtype, (CPU, 0), array).__dlpack__()
    assert len(dlpack._EXPORTED) == 1
    del capsule
    assert not dlpack._EXPORTED


def test_strided_and_strange_tensors_are_refused() -> None:
    with pytest.raises(InvalidInput, match="contiguous"):
        DeviceTensor.from_capsule(np.zeros((4, 6), np.float32)[:, ::2].__dlpack__())
    with pytest.raises(InvalidInput, match="type"):
        DeviceTensor.from_capsule(np.zeros(4, np.complex64).__dlpack__())
