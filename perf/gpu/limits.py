"""Step `limits`: peak rates of matrix products and copies on this card."""

from __future__ import annotations

import torch

from perf.gpu.check import Check
from perf.gpu.stopwatch import device, milliseconds


def run(check: Check) -> None:
    """Random data throughout: zeros are multiplied faster than data."""
    side, seconds = (64, 0.01) if check.dry else (8192, 2.0)
    for name, dtype in (("fp16 matrix product", torch.float16), ("bf16 matrix product", torch.bfloat16)):
        a, b = (torch.randn(side, side, device=device(), dtype=dtype) for _ in range(2))
        elapsed = milliseconds(lambda a=a, b=b: a @ b, seconds)  # type: ignore[misc]
        check.record(name, "rate", 2 * side**3 / elapsed / 1e9, "TFLOP/s", note=f"{side}x{side}x{side}, torch")
    _int8(check, side, seconds)
    count = (1 << 20) if check.dry else (4 << 30)
    source = torch.randint(0, 255, (count,), dtype=torch.uint8, device=device())
    target = torch.empty_like(source)
    elapsed = milliseconds(lambda: target.copy_(source), seconds)
    check.record("copy on the device", "rate", 2 * count / elapsed / 1e6, "GB/s", note="bytes read and written")
    host = torch.empty(min(count, 1 << 28), dtype=torch.uint8, pin_memory=torch.cuda.is_available())
    part = target[: len(host)]
    elapsed = milliseconds(lambda: part.copy_(host, non_blocking=True), seconds)
    check.record("copy to the device", "rate", len(host) / elapsed / 1e6, "GB/s", note="from pinned memory")
    elapsed = milliseconds(lambda: host.copy_(part, non_blocking=True), seconds)
    check.record("copy from the device", "rate", len(host) / elapsed / 1e6, "GB/s", note="to pinned memory")


def _int8(check: Check, side: int, seconds: float) -> None:
    a, b = (torch.randint(-127, 127, (side, side), dtype=torch.int8, device=device()) for _ in range(2))
    try:
        elapsed = milliseconds(lambda: torch._int_mm(a, b.T), seconds)
    except RuntimeError as error:
        check.skip("int8 matrix product", f"torch cannot multiply int8 here ({str(error).splitlines()[0][:100]}).")
        return
    check.record(
        "int8 matrix product", "rate", 2 * side**3 / elapsed / 1e9, "TOP/s", note=f"{side}x{side}x{side}, torch"
    )
