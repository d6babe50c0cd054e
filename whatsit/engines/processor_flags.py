"""Instructions of this machine's processor that decide the speed of networks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "avx512_bf16", "amx_bf16")
"""As Linux names them: vectors, 8-bit products, and products of 16-bit floats."""


@lru_cache(maxsize=1)
def processor_flags() -> tuple[str, ...]:
    """Return which of `FLAGS` this processor has; none where the system does not say."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return ()
    lines = (line for line in info.read_text().splitlines() if line.startswith(("flags", "Features")))
    known = set(next(lines, "").partition(":")[2].split())
    return tuple(flag for flag in FLAGS if flag in known)


def has_fast_bf16() -> bool:
    """Return whether the processor multiplies 16-bit floats (AVX-512 or AMX)."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(processor_flags())
