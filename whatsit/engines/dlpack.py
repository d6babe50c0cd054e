"""Exchanges tensors in GPU memory by DLPack, without a copy.

See https://dmlc.github.io/dlpack/latest/. It uses ctypes because the server loads neither torch nor CuPy, NumPy
exchanges only CPU memory, and Polygraphy's `DeviceView` has no DLPack.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from whatsit_client.errors import InvalidInput

CPU, CUDA = 1, 2  # DLDeviceType
_DTYPE_KINDS = {0: "i", 1: "u", 2: "f", 6: "b"}  # DLDataTypeCode -> NumPy's letter
_NAME = b"dltensor"


class _Device(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int32), ("number", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


@dataclass(frozen=True)
class DeviceTensor:
    """A contiguous tensor in the memory of a GPU (in tests: of the CPU).

    Args:
        pointer: address of the first element.
        shape: its shape.
        dtype: NumPy dtype of the elements.
        device: DLPack device type (`CPU`, `CUDA`) and number of the device.
        owner: object that is kept alive as long as this tensor or a slice of it.
    """

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    device: tuple[int, int] = (CUDA, 0)
    owner: Any = None

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def rows(self, start: int, stop: int) -> DeviceTensor:
        """Return the rows `start` to `stop` of the first dimension, in the same memory."""
        row = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        shape = (stop - start, *self.shape[1:])
        return DeviceTensor(self.pointer + start * row, shape, self.dtype, self.device, self.owner)

    @classmethod
    def from_capsule(cls, capsule: object) -> DeviceTensor:
        """Return the tensor of a DLPack capsule; nothing else may consume the capsule.

        Raises:
            InvalidInput: the tensor is not contiguous, or its dtype is unknown to NumPy.
        """
        managed = ctypes.cast(_pointer_of(capsule, _NAME), ctypes.POINTER(_Managed)).contents.tensor
        shape = tuple(managed.shape[axis] for axis in range(managed.ndim))
        kind, bits = _DTYPE_KINDS.get(managed.dtype.code), managed.dtype.bits
        if kind is None or managed.dtype.lanes != 1:
            raise InvalidInput(f"A tensor of DLPack's type {managed.dtype.code} was given; convert it to float or int.")
        if managed.strides and not _contiguous(shape, [managed.strides[axis] for axis in range(managed.ndim)]):
            raise InvalidInput(f"A tensor {list(shape)} that is not contiguous was given; copy it first.")
        dtype = np.dtype(np.bool_) if kind == "b" else np.dtype(f"{kind}{bits // 8}")
        device = (managed.device.kind, managed.device.number)
        return cls((managed.data or 0) + managed.byte_offset, shape, dtype, device, owner=capsule)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, stream: object = None, **_: object) -> object:
        """Return a capsule of this tensor; its data must be complete, `stream` is ignored."""
        exported = _ExportedTensor(self)
        _EXPORTED[ctypes.addressof(exported.managed)] = exported
        return _new_capsule(ctypes.addressof(exported.managed), _NAME, _DESTROY)


class _ExportedTensor:
    """Memory that a capsule's consumer reads, kept until it calls the deleter."""

    def __init__(self, tensor: DeviceTensor) -> None:
        self.tensor = tensor
        self.shape = (ctypes.c_int64 * len(tensor.shape))(*tensor.shape)
        code = next(code for code, kind in _DTYPE_KINDS.items() if kind == tensor.dtype.kind)
        self.managed = _Managed()
        inner = self.managed.tensor
        inner.data, inner.device = tensor.pointer, _Device(*tensor.device)
        inner.ndim, inner.dtype = len(tensor.shape), _DataType(code, tensor.dtype.itemsize * 8, 1)
        inner.shape = ctypes.cast(self.shape, ctypes.POINTER(ctypes.c_int64))
        self.managed.deleter = ctypes.cast(_DELETE, ctypes.c_void_p)


_EXPORTED: dict[int, _ExportedTensor] = {}


def _contiguous(shape: tuple[int, ...], strides: list[int]) -> bool:
    expected = 1
    for side, stride in zip(reversed(shape), reversed(strides), strict=True):
        if side != 1 and stride != expected:
            return False
        expected *= side
    return True


def _delete(address: int) -> None:
    """Release an exported tensor: the deleter that the consumer calls."""
    _EXPORTED.pop(address, None)


def _destroy_capsule(capsule: int) -> None:
    """Release a capsule that was never consumed (it still has its name).

    The capsule is passed as an address because the object is being destroyed.
    """
    if _is_valid(capsule, _NAME):
        _delete(_pointer_at(capsule, _NAME))


_DELETE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_delete)
_DESTROY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_destroy_capsule)
_python = ctypes.pythonapi
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", _python)
)
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_pointer_at = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
