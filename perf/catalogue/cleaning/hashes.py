"""Hash look-ups per second at each radius, by buckets and by a scan."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import psutil

from perf.common.tables import chart
from whatsit.index.hash_index import HashIndex

COLUMNS = (
    "hashes", "index", "radius", "queries", "look_ups_per_second", "ms_per_look_up", "found_per_look_up", "recall",
    "build_s", "index_mb",
)  # fmt: skip
RADII = range(11)
QUERIES = 2000
CENTRES = 20_000
SEED = 5


def made(count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return clustered hashes uint8 [count,8] and queries near them."""
    random = np.random.default_rng(SEED)
    lean = random.uniform(0.2, 0.8, 64)
    centres = (random.random((CENTRES, 64)) < lean).astype(np.uint8)
    clustered = centres[random.integers(0, CENTRES, count // 2)]
    clustered ^= (random.random(clustered.shape) < 0.05).astype(np.uint8)
    free = random.integers(0, 256, (count - count // 2, 8), dtype=np.uint8)
    hashes = np.concatenate([np.packbits(clustered, axis=1), free])
    flips = np.packbits((random.random((QUERIES, 64)) < 0.04).astype(np.uint8), axis=1)
    return hashes, hashes[random.integers(0, count, QUERIES)] ^ flips


def measure(count: int, seconds: float) -> Iterator[list[object]]:
    """Return a row per index and radius, each in about `seconds` at most."""
    faiss.omp_set_num_threads(1)
    hashes, queries = made(count)
    exact: dict[int, list[set[int]]] = {}
    for name, buckets in (("scan", False), ("buckets", True)):
        before, start = _resident_mb(), time.perf_counter()
        index = HashIndex(hashes, buckets=buckets)
        built, size = time.perf_counter() - start, _resident_mb() - before
        for radius in RADII:
            asked, found, start = 0, 0, time.perf_counter()
            sets: list[set[int]] = []
            while asked < QUERIES and time.perf_counter() - start < seconds:
                rows, numbers, _ = index.within(queries[asked : asked + 50], radius)
                sets += [set(numbers[rows == row].tolist()) for row in range(min(50, QUERIES - asked))]
                found, asked = found + len(rows), asked + 50
            spent = time.perf_counter() - start
            exact.setdefault(radius, sets)
            both = list(zip(sets, exact[radius], strict=False))
            recall = sum(len(a & b) for a, b in both) / max(1, sum(len(b) for _, b in both))
            yield [
                count, name, radius, asked, f"{asked / spent:.0f}", f"{1000 * spent / asked:.3f}",
                f"{found / asked:.2f}", f"{recall:.4f}", f"{built:.1f}", f"{size:.0f}",
            ]  # fmt: skip


def draw(rows: list[list[object]], path: Path) -> None:
    """Look-ups per second over the radius."""
    labels = "radius, bits", "look-ups per second, one thread"
    with chart(path, labels, (7, 4), yscale="log", title=f"{int(str(rows[0][0])):,} hashes") as axes:
        for name in ("buckets", "scan"):
            curve = [(int(str(row[2])), float(str(row[4]))) for row in rows if row[1] == name]
            axes.plot(*zip(*curve, strict=True), marker="o", label=name)


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6
