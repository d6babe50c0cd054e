"""Step `search`: exact search on GPU and CPU, with and without a filter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from perf.gpu.check import Check
from perf.gpu.stopwatch import device, milliseconds

_K, _QUERIES = 30, 5


Array = npt.NDArray[Any]


def run(check: Check) -> None:
    """Search 5 queries among a million vectors and compare with the full product."""
    count = 2000 if check.dry else 1_000_000
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(count, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = vectors[:_QUERIES] + generator.normal(scale=0.05, size=(_QUERIES, 128)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    seconds, size = 0.01 if check.dry else 2.0, f"{count} vectors"
    moved, asked = torch.from_numpy(vectors).to(device()), torch.from_numpy(queries).to(device())
    elapsed = milliseconds(lambda: torch.topk(asked @ moved.T, _K), seconds)
    check.record(f"{size}, torch on {device().type}", "time of a picture", elapsed, "ms", note="exhaustive, fp32")
    try:
        import faiss

        from whatsit.index.generation_writer import write_generation
        from whatsit.index.gpu_shard import gpus, on_gpu
    except ImportError as error:
        check.skip(f"{size}, FAISS", f"{error.name} is not installed.")
        return
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        generation = write_generation(Path(folder), vectors, np.arange(1, count + 1), "check", kind="flat")
        half = np.arange(1, count + 1, 2)
        placed = on_gpu(generation, min_rows=1) if gpus() else None
        for name, index in (("CPU, one thread", generation), ("GPU", placed)):
            if index is None:
                check.skip(f"{size}, FAISS on the GPU", "The installed FAISS has no GPU: pip install 'whatsit[gpu]'.")
                continue
            for what, allowed in (("all", None), ("every other allowed", half)):
                elapsed = milliseconds(lambda i=index, a=allowed: i.search(queries, _K, a), seconds)  # type: ignore[misc]
                wrong = _wrong(vectors, queries, index.search(queries, _K, allowed)[1], allowed)
                case = f"{size}, FAISS on the {name}, {what}"
                check.record(case, "time of a picture", elapsed, "ms")
                check.record(case, "wrong neighbours", wrong, note=f"of {_QUERIES * _K}")


def _wrong(vectors: Array, queries: Array, found: Array, allowed: Array | None) -> int:
    """Neighbours that are not among the nearest by numpy."""
    likeness = queries @ vectors.T
    if allowed is not None:
        likeness[:, np.setdiff1d(np.arange(len(vectors)), allowed - 1)] = -2
    wrong = 0
    for row, numbers in zip(likeness, found, strict=True):
        least = np.partition(row, -_K)[-_K] - 1e-5
        wrong += sum(1 for number in numbers.tolist() if number < 1 or row[number - 1] < least)
    return wrong
