"""Index kinds of a shard: building, search effort and scanning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import faiss
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

Structure = Literal["flat", "ivf", "ivfpq", "hnsw"]
Storage = Literal["float", "half", "byte"]
Effort = Mapping[str, int]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

HNSW_LINKS = 32
HNSW_BUILD_EFFORT = 100
HNSW_SEARCH_EFFORT = 128
# Lists and codes of so few rows say nothing: they are kept flat.
FEWEST_ROWS = 256
# A code has 4 bits for every two numbers of a vector: so short ones are compared in registers (Andre et al. 2017).
CODE_BITS = 2
# Rows that k-means looks at, for each of its centroids.
_TRAINED_PER_LIST = 48
_KMEANS_ROUNDS = 8
_PIECE = 10_000

_QUANTISERS = {"half": faiss.ScalarQuantizer.QT_fp16, "byte": faiss.ScalarQuantizer.QT_8bit}
_BYTES = {"float": 4, "half": 2, "byte": 1}


@dataclass(frozen=True)
class Kind:
    """A structure, and how exactly the vectors in it are kept.

    - `flat` compares with every vector.
    - `ivf` compares with those in the `nprobe` lists whose centroids are nearest.
    - `ivfpq` compares with short codes in such lists, and refines: of the wanted rows it takes `k_factor` times as many
      by their codes, and orders these by the kept vectors.
    - `hnsw` walks a graph of neighbours (Malkov and Yashunin 2016) with `ef_search` rows in view.

    Args:
        structure: one of these.
        storage: numbers of 32 bits (`float`), 16 (`half`) or 8 (`byte`, which differs by about 0.002 per number).

    Example:
        >>> str(Kind.parse("ivf-byte"))
        'ivf-byte'
    """

    structure: Structure = "flat"
    storage: Storage = "float"

    def __str__(self) -> str:
        return self.structure if self.storage == "float" else f"{self.structure}-{self.storage}"

    @classmethod
    def parse(cls, text: str) -> Kind:
        """`flat`, `ivf`, `ivfpq` or `hnsw`, alone or with `-half` or `-byte`.

        Raises:
            InvalidInput: it is none of these.
        """
        structure, _, storage = text.partition("-")
        storage = storage or "float"
        if structure not in get_args(Structure) or storage not in get_args(Storage):
            raise InvalidInput(
                f"'{text[:40]}' is no kind of index: flat, ivf, ivfpq or hnsw, alone or with -half or -byte behind it."
            )
        return cls(cast("Structure", structure), cast("Storage", storage))

    def at(self, rows: int) -> Kind:
        """The kind that so many rows really get."""
        if not rows:
            return Kind()
        return Kind("flat", self.storage) if rows < FEWEST_ROWS and self.structure in ("ivf", "ivfpq") else self

    def bytes_per_vector(self, dimension: int) -> float:
        """What a vector takes on disk, about; with everything in use, in memory too."""
        vector = _BYTES[self.storage] * dimension
        beside = {"flat": 0, "ivf": 8 + 8, "ivfpq": CODE_BITS * dimension / 8 + 8, "hnsw": 4 * 2 * HNSW_LINKS + 16}
        return vector + beside[self.structure]

    def efforts(self, rows: int) -> list[dict[str, int]]:
        """Return the search efforts to try for a shard of so many rows, least first."""
        probes = [probes for probes in (1, 2, 4, 8, 16, 32, 64, 128, 256) if probes <= max(lists(rows) // 2, 1)]
        if self.structure == "hnsw":
            return [{"ef_search": ef} for ef in (16, 32, 64, 128, 256, 512)]
        if self.structure == "ivf":
            return [{"nprobe": nprobe} for nprobe in probes]
        if self.structure == "ivfpq":
            return [{"nprobe": nprobe, "k_factor": factor} for nprobe in probes for factor in (4, 16, 48)]
        return [{}]

    def usual_effort(self, rows: int) -> dict[str, int]:
        """The effort where nobody measured."""
        if self.structure == "hnsw":
            return {"ef_search": HNSW_SEARCH_EFFORT}
        nprobe = max(8, lists(rows) // 32)
        return {"flat": {}, "ivf": {"nprobe": nprobe}, "ivfpq": {"nprobe": nprobe, "k_factor": 16}}[self.structure]


def lists(rows: int) -> int:
    """Return the lists of an inverted file: 2 sqrt(rows), each of at least 39 rows."""
    return max(1, min(int(2 * np.sqrt(rows)), rows // 39))


def build(vectors: Floats, kind: Kind, progress: Callable[[int, int], None] = lambda done, total: None) -> Any:
    """A FAISS index by squared L2; row i of the index is row i of the array.

    Args:
        vectors: f32 [N,D]; may be memory-mapped, and is read in pieces.
        kind: as `Kind.at(N)` says for few rows.
        progress: called with rows done and in all.
    """
    rows, dimension = vectors.shape
    kind = kind.at(rows)
    # Spread evenly: neighbouring rows are of one item, and k-means needs no more.
    sample = vectors[:: max(1, rows // (_TRAINED_PER_LIST * max(lists(rows), FEWEST_ROWS)))]
    index = _empty(dimension, kind, lists(rows), sample)
    for start in range(0, rows, _PIECE):
        index.add(np.ascontiguousarray(vectors[start : start + _PIECE], dtype=np.float32))
        progress(min(start + _PIECE, rows), rows)
    if kind.structure == "ivf":
        index.make_direct_map()
    return index


def _empty(dimension: int, kind: Kind, lists: int, sample: Floats) -> Any:
    """A trained index without rows."""
    quantiser = _QUANTISERS.get(kind.storage)
    if kind.structure == "hnsw":
        if quantiser is None:
            index = faiss.IndexHNSWFlat(dimension, HNSW_LINKS)
        else:
            index = faiss.IndexHNSWSQ(dimension, quantiser, HNSW_LINKS)
            index.train(sample)
        index.hnsw.efConstruction = HNSW_BUILD_EFFORT
        return index
    if kind.structure == "flat":
        return _store(dimension, kind.storage, sample)
    coarse = faiss.IndexFlatL2(dimension)
    coarse.add(kmeans(sample, lists, rounds=_KMEANS_ROUNDS, most=_TRAINED_PER_LIST))
    if kind.structure == "ivfpq":
        parts = dimension // 2 if dimension % 2 == 0 else dimension
        codes = faiss.IndexIVFPQFastScan(coarse, dimension, lists, parts, 4)
        _hand_over(codes, coarse)
        codes.train(sample)
        kept = _store(dimension, kind.storage, sample)
        index = faiss.IndexRefine(codes, kept)
        _hand_over(index, codes)
        index.own_refine_index = True
        kept.this.disown()
        return index
    if quantiser is None:
        index = faiss.IndexIVFFlat(coarse, dimension, lists)
    else:
        index = faiss.IndexIVFScalarQuantizer(coarse, dimension, lists, quantiser, faiss.METRIC_L2, False)
    index.train(sample)
    _hand_over(index, coarse)
    return index


def _hand_over(index: Any, part: Any) -> None:
    """Let FAISS own the index's parts: Python would free them earlier."""
    index.own_fields = True
    part.this.disown()


def _store(dimension: int, storage: Storage, sample: Floats) -> Any:
    if storage == "float":
        return faiss.IndexFlatL2(dimension)
    index = faiss.IndexScalarQuantizer(dimension, _QUANTISERS[storage], faiss.METRIC_L2)
    index.train(sample)
    return index


def kmeans(sample: Floats, count: int, seed: int = 0, rounds: int = 12, most: int = 512) -> Floats:
    """Return k-means centroids of a sample.

    Args:
        sample: f32 [n,D], n at least `count`.
        count: of centroids.
        seed: of the random start.
        rounds: of Lloyd's algorithm.
        most: rows per centroid that are used.

    Returns:
        f32 [count,D].
    """
    found = faiss.Kmeans(
        sample.shape[1], count, niter=rounds, seed=seed, min_points_per_centroid=1, max_points_per_centroid=most
    )
    found.train(np.ascontiguousarray(sample, dtype=np.float32))
    return np.asarray(found.centroids, dtype=np.float32).reshape(count, sample.shape[1])
