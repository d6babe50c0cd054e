"""Opening and searching a generation: the nearest *items*, not vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.index.current_generation import GENERATIONS, current
from whatsit.index.manifest import REPAIR, Manifest
from whatsit.index.router import Router
from whatsit.index.shard import Floats, Numbers, Shard
from whatsit.index.shard_search import Part, Routing, contains, nearest_vectors, search_parts
from whatsit.index.visual_words import VisualWords


@dataclass(frozen=True)
class Generation:
    """An opened, immutable index; safe to search from many threads at once.

    Args:
        name: its folder's name, to be compared with `current(root)`.
        folder: where it lies.
        manifest: what it holds.
        shards: the memory-mapped FAISS indexes.
        words: the memory-mapped visual words; None where the generation was written without.
        router: sends a query to a few of the shards; None where there is one shard.
        nprobe: shards per query where a search does not say; None for what the manifest says.
    """

    name: str
    folder: Path
    manifest: Manifest
    shards: tuple[Shard, ...]
    words: VisualWords | None = None
    router: Router | None = None
    nprobe: int | None = None

    def search(
        self, queries: Floats, k: int, allowed: Numbers | None = None, nprobe: int | None = None
    ) -> tuple[Floats, Numbers]:
        """Return the k nearest items of each query, each once, with its nearest vector.

        Args:
            queries: f32 [Q,D], unit length.
            k: items per query, 1 or more.
            allowed: item numbers that may be returned (a filter inside the search); None for all. Shards that hold none
                of them are not searched, so a filter on a category leads to the shard of that category.
            nprobe: shards per query, the nearest ones; None for the generation's number, 0 for all.

        Returns:
            L2 distances f32 [Q,k] (0..2, not squared) and item numbers int64 [Q,k], nearest first; where fewer than k
            items are there, rows are filled up with distance inf and number -1.

        Raises:
            InvalidInput: the queries do not fit the index, or k is below 1.
        """
        queries = check_queries(queries, k, self.name, self.manifest.dimension if self.manifest.vectors else 0)
        rows_per_item = -(-self.manifest.vectors // max(self.manifest.items, 1))
        parts = [Part(shard) for shard in self.shards]
        return search_parts(parts, queries, k, allowed, rows_per_item, self.routing(nprobe))

    def routing(self, nprobe: int | None = None) -> Routing | None:
        """How a search goes to the shards; None where it goes to all of them.

        Args:
            nprobe: as in `search`.
        """
        if nprobe is None:
            nprobe = self.manifest.nprobe if self.nprobe is None else self.nprobe
        if self.router is None or not 0 < nprobe < len(self.shards):
            return None
        return Routing(self.router, len(self.shards), nprobe)

    def contains(self, items: Numbers) -> npt.NDArray[np.bool_]:
        """Return whether each item has a vector here; see `Searcher.contains`."""
        return contains([Part(shard) for shard in self.shards], items)

    def nearest_vectors(self, query: Floats, items: Numbers) -> Floats:
        """Return each item's nearest vector to the query; see `Searcher.nearest_vectors`."""
        return nearest_vectors([Part(shard) for shard in self.shards], query, items)


def check_queries(queries: Floats, k: int, name: str, dimension: int) -> Floats:
    """The queries as f32 [Q,D], contiguous.

    Args:
        queries: of the caller.
        k: of the caller.
        name: of the index, for the sentence.
        dimension: length of the index's vectors; 0 takes any.

    Raises:
        InvalidInput: the queries do not fit the index, or k is below 1.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    if queries.ndim != 2 or (dimension and queries.shape[1] != dimension):
        raise InvalidInput(f"The index {name} takes queries [Q,{dimension or 'D'}], not {list(queries.shape)}.")
    if k < 1:
        raise InvalidInput(f"k is 1 or more, not {k}.")
    return queries


def open_generation(root: Path, fingerprint: str | None = None, verify: bool = True) -> Generation:
    """Open the current generation of the index in `root`.

    Args:
        root: folder of the index, the one that holds `CURRENT`.
        fingerprint: that of the embedder which will make the queries; None opens any index, and an empty index fits
            every embedder.
        verify: compare the files with their checksums (reads them once).

    Raises:
        Unavailable: nothing has been published there yet.
        Damaged: files are missing, cut off, changed, or of a newer format.
        InvalidInput: the index was made by another embedder.
    """
    name = current(root)
    if name is None:
        raise Unavailable(f"There is no index in {root}; run 'whatsit catalogue publish' first.")
    folder = root / GENERATIONS / name
    if not folder.is_dir():
        raise Damaged(f"{root} names the index {name}, which is not there; {REPAIR}.")
    manifest = Manifest.read(folder)
    if fingerprint is not None and manifest.vectors and manifest.fingerprint != fingerprint:
        raise InvalidInput(
            f"The index {folder} was made by the embedder {manifest.fingerprint} and this one is {fingerprint}; "
            "run 'whatsit catalogue add' on your files again and publish."
        )
    if verify:
        manifest.verify(folder)
    shards = tuple(
        Shard.open(folder / shard["file"], folder / shard["items"], shard.get("effort")) for shard in manifest.shards
    )
    if any(shard.index.d != manifest.dimension for shard in shards):
        raise Damaged(f"The index {folder} holds vectors of another length than its manifest says; {REPAIR}.")
    return Generation(name, folder, manifest, shards, VisualWords.open(folder), Router.open(folder, len(shards)))
