"""One FAISS index and the item number of each of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

# Up to here an exact scan is fast enough that a graph's missed neighbours are not worth its speed.
FLAT_UP_TO = 50_000
HNSW_LINKS = 32
HNSW_BUILD_EFFORT = 100
HNSW_SEARCH_EFFORT = 128
# A graph walk that may keep fewer rows than this share finds too few of them: scan the allowed rows instead.
SCAN_BELOW_SHARE = 0.2

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


def choose_kind(rows: int) -> str:
    """`flat` (exact) up to `FLAT_UP_TO` rows, `hnsw` beyond."""
    return "flat" if rows <= FLAT_UP_TO else "hnsw"


def build(vectors: Floats, kind: str) -> Any:
    """A FAISS index by squared L2 over `vectors` f32 [N,D]; row i of the index is row i of the array."""
    dimension = vectors.shape[1]
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimension, HNSW_LINKS)
        index.hnsw.efConstruction = HNSW_BUILD_EFFORT
    else:
        index = faiss.IndexFlatL2(dimension)
    if len(vectors):
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    return index


@dataclass(frozen=True)
class Shard:
    """A memory-mapped FAISS index with its rows' item numbers; searches may run in many threads at once.

    Args:
        index: the FAISS index, squared L2.
        items: int64 [N], the item number of each row, ascending.
    """

    index: Any
    items: Numbers

    @classmethod
    def open(cls, file: Path, items: Path) -> Shard:
        """Map both files into memory.

        Raises:
            Damaged: one of them cannot be read, or they do not fit together.
        """
        flag = getattr(faiss, "IO_FLAG_MMAP_IFC", faiss.IO_FLAG_MMAP)
        try:
            shard = cls(faiss.read_index(str(file), flag), np.load(items, mmap_mode="r", allow_pickle=False))
        except (RuntimeError, OSError, ValueError, EOFError) as error:
            raise Damaged(f"{file} cannot be read as an index; run 'whatsit catalogue publish' again.") from error
        if shard.items.dtype != np.int64 or shard.items.shape != (shard.index.ntotal,):
            raise Damaged(f"{file} and {items} do not fit together; run 'whatsit catalogue publish' again.")
        return shard

    def search(self, queries: Floats, rows: int, allowed: npt.NDArray[np.bool_] | None) -> tuple[Floats, Numbers]:
        """The nearest rows.

        Args:
            queries: f32 [Q,D].
            rows: how many rows per query, at most the number of rows in the shard.
            allowed: bool [N], the rows that may be returned; None for all.

        Returns:
            L2 distances f32 [Q,rows] and row numbers int64 [Q,rows], nearest first, inf and -1 where rows ran out.
        """
        index = self.index
        selector = None
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            if isinstance(index, faiss.IndexHNSW) and allowed.mean() < SCAN_BELOW_SHARE:
                index = faiss.downcast_index(index.storage)
        if isinstance(index, faiss.IndexHNSW):
            effort = max(HNSW_SEARCH_EFFORT, 2 * rows)
            parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
        else:
            parameters = faiss.SearchParameters(sel=selector)
        squared, found = index.search(queries, rows, params=parameters)
        distances = np.sqrt(np.maximum(squared, 0.0), dtype=np.float32)
        distances[found < 0] = np.inf
        return distances, found

    def rows_of(self, item: int) -> range:
        """The rows of an item, none if it has none here."""
        start, end = np.searchsorted(self.items, [item, item + 1])
        return range(int(start), int(end))

    def vectors(self, rows: Numbers) -> Floats:
        """The stored vectors of these rows, int64 [R]: f32 [R,D]."""
        return np.asarray(self.index.reconstruct_batch(rows), dtype=np.float32)
