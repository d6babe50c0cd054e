"""Lists the NVIDIA GPUs of this machine, with the driver's library alone."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from whatsit_client.errors import Unavailable

_DRIVER = "libcuda.so.1"
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Args:
        name: the driver's name, e.g. "NVIDIA H100 80GB HBM3".
        capability: compute capability, e.g. (9, 0).
    """

    name: str
    capability: tuple[int, int]


def find_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that this process may use, in the driver's order.

    Raises:
        Unavailable: the driver is missing, fails, or lists no GPU.
    """
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError as error:
        raise Unavailable(
            f"This machine has no NVIDIA GPU that can be used: the driver's library {_DRIVER} is not here."
        ) from error
    status, count = driver.cuInit(0), ctypes.c_int(0)
    status = status or driver.cuDeviceGetCount(ctypes.byref(count))
    if status:
        raise Unavailable(f"The NVIDIA driver finds no usable GPU (CUDA error {status}): check nvidia-smi.")
    if not count.value:
        raise Unavailable("The NVIDIA driver shows this process no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES.")
    return tuple(_describe(driver, number) for number in range(count.value))


def _describe(driver: ctypes.CDLL, number: int) -> Gpu:
    device, name, value = ctypes.c_int(0), ctypes.create_string_buffer(256), ctypes.c_int(0)
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(name, len(name), device)
    capability = []
    for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        capability.append(value.value)
    return Gpu(name.value.decode(errors="replace"), (capability[0], capability[1]))
