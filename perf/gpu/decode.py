"""Step `decode`: JPEG files by nvImageCodec beside Pillow."""

from __future__ import annotations

import importlib
import time

import numpy as np

from perf.gpu.check import Check
from perf.gpu.subjects import pictures
from whatsit.rendering.shop import encode_jpeg
from whatsit.vision.decode import decode_image
from whatsit.vision.gpu_jpeg import GpuJpeg, find_gpu_jpeg


def run(check: Check) -> None:
    """Drawn scenes as JPEG files, one after another, as the step `decode` takes them."""
    repeats = 1 if check.dry else 20
    scenes = pictures(2 if check.dry else 12)
    files = [encode_jpeg(np.kron(s, np.ones((1 if check.dry else 2,) * 2 + (1,), np.uint8))) for s in scenes]
    size = f"{scenes[0].shape[1]}x{scenes[0].shape[0]}" if check.dry else "doubled scenes"
    pillow = _rate(files, repeats, None)
    check.record(f"Pillow, {size}", "pictures", pillow, "1/s", note="one process")
    jpeg, name = find_gpu_jpeg(), "nvImageCodec on the GPU"
    if jpeg is None and check.dry:
        try:
            jpeg, name = GpuJpeg(importlib.import_module("nvidia.nvimgcodec"), device=None), "nvImageCodec on the CPU"
        except (ImportError, RuntimeError):
            jpeg = None
    if jpeg is None:
        check.skip("nvImageCodec", "nvImageCodec or a GPU that it can use is not here: pip install 'whatsit[gpu]'.")
        return
    check.record(f"{name}, {size}", "pictures", _rate(files, repeats, jpeg), "1/s", note="one process")
    pairs = [(decode_image(file).pixels, decode_image(file, jpeg=jpeg).pixels) for file in files]
    worst = max(float(np.abs(a.astype(int) - b.astype(int)).mean()) for a, b in pairs)
    check.record(f"{name}, {size}", "mean difference from Pillow", worst, "of 255", note="worst picture")


def _rate(files: list[bytes], repeats: int, jpeg: GpuJpeg | None) -> float:
    decode_image(files[0], max_side=1024, jpeg=jpeg)
    start = time.perf_counter()
    for _ in range(repeats):
        for file in files:
            decode_image(file, max_side=1024, jpeg=jpeg)
    return repeats * len(files) / (time.perf_counter() - start)
