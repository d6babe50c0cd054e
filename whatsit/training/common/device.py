"""Device and precision of training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from whatsit_client.errors import Unavailable

Precision = Literal["auto", "fp32", "bf16"]


def choose_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """Return the device of a recipe; "auto" is the GPU where there is one.

    Raises:
        Unavailable: "cuda" on a machine without it.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise Unavailable("The recipe asks for a GPU, but torch finds none here: set training.device to auto or cpu.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Return the autocast context of a forward pass.

    "auto" is bf16 where the hardware multiplies it, else fp32.

    Without such hardware bf16 is emulated, and slower than fp32.
    """
    if precision == "bf16" or (precision == "auto" and _has_bf16(device)):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def move(batch: Any, device: torch.device) -> Any:
    """Copy the tensors of a batch, however nested, to the device."""
    if isinstance(batch, Tensor):
        if batch.ndim == 4:
            return batch.to(device, non_blocking=True, memory_format=torch.channels_last)
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {name: move(value, device) for name, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(move(value, device) for value in batch)
    return batch


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # no public name up to torch 2.13
    return bool(probe is not None and probe())
