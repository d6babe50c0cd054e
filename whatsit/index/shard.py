"""One FAISS index and the item number of each of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from whatsit_client.errors import Damaged

from whatsit.index.index_kind import HNSW_LINKS, Effort, Floats, Kind, Numbers
from whatsit.index.selection import Selection

__all__ = ["FLAT_UP_TO", "Floats", "Numbers", "Shard", "choose_kind", "open_index"]

# Up to here an exact scan is fast enough that a graph's missed neighbours are not worth its speed.
FLAT_UP_TO = 50_000
# So few allowed rows are compared one by one, whatever the kind: exact, and faster than any structure.
_GATHER_UP_TO = 1_000
# A graph walk that may keep few of the rows it sees has to see as many more: a step of it costs about as much as to
# compare one listed row (at a million vectors they are equal at 3.5 % with an effort of 64, at 2 % with 16).
_WALK_OVER_SCAN = 1


def choose_kind(rows: int) -> str:
    """`flat` (exact) up to `FLAT_UP_TO` rows, `hnsw` beyond."""
    return "flat" if rows <= FLAT_UP_TO else "hnsw"


def open_index(file: Path) -> Any:
    """Open a FAISS index memory-mapped, so that processes share one copy.

    Raises:
        Damaged: it cannot be read.
    """
    try:
        return faiss.read_index(str(file), getattr(faiss, "IO_FLAG_MMAP_IFC", faiss.IO_FLAG_MMAP))
    except RuntimeError as error:
        raise Damaged(f"{file} cannot be read as an index; run 'whatsit catalogue publish' again.") from error


@lru_cache(maxsize=64)
def _parameters_without_filter(effort: int) -> Any:
    """Return parameters of a graph search, which no search changes."""
    return faiss.SearchParametersHNSW(efSearch=effort)


@dataclass(frozen=True)
class Shard:
    """FAISS index with its rows' item numbers, safe for concurrent search.

    Args:
        index: the FAISS index, squared L2.
        items: int64 [N], the item number of each row, ascending.
        effort: of its kind's searches (`nprobe`, `k_factor`, `ef_search`); what is not in it is as usual for the kind.
    """

    index: Any
    items: Numbers
    effort: Effort = field(default_factory=dict)

    @classmethod
    def open(cls, file: Path, items: Path, effort: Mapping[str, int] | None = None) -> Shard:
        """Map both files into memory.

        Raises:
            Damaged: one of them cannot be read, or they do not fit together.
        """
        try:
            mapped = np.load(items, mmap_mode="r", allow_pickle=False)
            # A plain view of the same pages: each operation on a `memmap` makes another one, which takes longer.
            shard = cls(open_index(file), mapped.view(np.ndarray), effort or {})
        except (OSError, ValueError, EOFError) as error:
            raise Damaged(f"{items} cannot be read; run 'whatsit catalogue publish' again.") from error
        if shard.items.dtype != np.int64 or shard.items.shape != (shard.index.ntotal,):
            raise Damaged(f"{file} and {items} do not fit together; run 'whatsit catalogue publish' again.")
        return shard

    def search(self, queries: Floats, rows: int, allowed: Selection | None) -> tuple[Floats, Numbers]:
        """The nearest rows.

        Where a structure finds fewer rows than were asked for, those queries are answered by a scan.

        Args:
            queries: f32 [Q,D].
            rows: how many rows per query, at most the number of rows that may be returned.
            allowed: the rows that may be returned; None for all.

        Returns:
            L2 distances f32 [Q,rows] and row numbers int64 [Q,rows], nearest first, inf and -1 where rows ran out.
        """
        if allowed is not None and allowed.count <= _GATHER_UP_TO < len(allowed.mask):
            return self._gather(queries, rows, allowed.rows)
        squared, found = self._walk(queries, rows, allowed)
        is_short = bool(found.min() < 0)
        if is_short:
            short = np.flatnonzero((found < 0).any(axis=1))
            squared[short], found[short] = self._scan(queries[short], rows, allowed)
        distances = np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)
        if is_short:
            distances[found < 0] = np.inf
        return distances, found

    def rows_of(self, item: int) -> range:
        """The rows of an item, none if it has none here."""
        start, end = np.searchsorted(self.items, [item, item + 1])
        return range(int(start), int(end))

    def vectors(self, rows: Numbers) -> Floats:
        """The stored vectors of these rows, int64 [R]: f32 [R,D]."""
        return np.asarray(self.index.reconstruct_batch(rows), dtype=np.float32)

    def _walk(self, queries: Floats, rows: int, allowed: Selection | None) -> tuple[Floats, Numbers]:
        """Search the index, with a larger nprobe or a scan where a filter leaves little."""
        index, total = self.index, len(self.items)
        share, selector = (1.0, None) if allowed is None else (allowed.share, allowed.selector)
        if isinstance(index, faiss.IndexHNSW):
            effort = max(self._effort("ef_search", "hnsw"), rows)
            if selector is not None and share * share * total < _WALK_OVER_SCAN * HNSW_LINKS * effort:
                return self._scan(queries, rows, allowed)
            if allowed is None:
                parameters = _parameters_without_filter(effort)
            else:
                parameters = allowed.graph_parameters(int(effort / share))
        elif isinstance(index, faiss.IndexRefine):
            codes = faiss.downcast_index(index.base_index)
            probes = int(self._effort("nprobe", "ivfpq") / share)
            if probes > codes.nlist // 2 and selector is not None:
                return self._scan(queries, rows, allowed)
            lists = faiss.SearchParametersIVF(nprobe=min(probes, codes.nlist), sel=selector)
            factor = self._effort("k_factor", "ivfpq")
            parameters = faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=lists)
        elif isinstance(index, faiss.IndexIVF):
            probes = min(int(self._effort("nprobe", "ivf") / share), index.nlist)
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        else:
            parameters = faiss.SearchParameters(sel=selector)
        squared, found = index.search(queries, rows, params=parameters)
        return squared, found

    def _scan(self, queries: Floats, rows: int, allowed: Selection | None) -> tuple[Floats, Numbers]:
        """By all vectors that are kept: squared distances and rows."""
        selector = None if allowed is None else allowed.selector
        index, parameters = self.index, faiss.SearchParameters(sel=selector)
        if isinstance(index, faiss.IndexHNSW):
            index = faiss.downcast_index(index.storage)
            if isinstance(index, faiss.IndexFlat) and allowed is not None:
                parameters = faiss.SearchParameters(sel=allowed.listed)
        elif isinstance(index, faiss.IndexRefine):
            index = faiss.downcast_index(index.refine_index)
        elif isinstance(index, faiss.IndexIVF):
            parameters = faiss.SearchParametersIVF(nprobe=index.nlist, sel=selector)
        squared, found = index.search(queries, rows, params=parameters)
        return squared, found

    def _gather(self, queries: Floats, rows: int, among: Numbers) -> tuple[Floats, Numbers]:
        """The nearest of a few rows: distances and rows."""
        vectors = self.vectors(among)
        squared, places = faiss.knn(np.ascontiguousarray(queries, dtype=np.float32), vectors, min(rows, len(among)))
        distances = np.sqrt(np.maximum(squared, 0.0), dtype=np.float32)
        padding = ((0, 0), (0, rows - distances.shape[1]))
        return np.pad(distances, padding, constant_values=np.inf), np.pad(among[places], padding, constant_values=-1)

    def _effort(self, name: str, structure: str) -> int:
        return self.effort.get(name) or self._usual_efforts[structure][name]

    @cached_property
    def _usual_efforts(self) -> Mapping[str, Mapping[str, int]]:
        return {name: Kind.parse(name).usual_effort(len(self.items)) for name in ("hnsw", "ivf", "ivfpq")}
