"""A generation with later changes: an exact delta and tombstones, searched as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.index.generation import Generation, check_queries
from whatsit.index.index_kind import Kind, build
from whatsit.index.shard import Floats, Numbers, Shard
from whatsit.index.shard_search import Part, contains, nearest_vectors, search_parts
from whatsit.index.visual_words import VisualWords
from whatsit.vision.local_features import LocalFeatures

LocalPictures = Sequence[tuple[int, LocalFeatures]]

# A delta shard is merged with the one before it unless that is so many times as large: few shards, little copying.
_MERGE_BELOW = 8


@dataclass(frozen=True)
class DeltaIndex:
    """Immutable snapshot of a generation and its changes; `apply` makes the next one.

    Args:
        generation: the immutable index underneath.
        base: its shards, without the rows of items that were changed or deleted since.
        delta: small exact shards in memory with the vectors of the changed items, older and larger ones first.
        words: the visual words with the same changes; None where the generation has none.
    """

    generation: Generation
    base: tuple[Part, ...]
    delta: tuple[Part, ...] = ()
    words: VisualWords | None = None

    @classmethod
    def of(cls, generation: Generation) -> DeltaIndex:
        """A generation to which nothing has happened yet."""
        return cls(generation, tuple(Part(shard) for shard in generation.shards), words=generation.words)

    @property
    def delta_vectors(self) -> int:
        """How many vectors the delta holds in memory."""
        return sum(part.shard.index.ntotal for part in self.delta)

    def apply(self, changed: Numbers, vectors: Floats, items: Numbers, local: LocalPictures = ()) -> DeltaIndex:
        """The snapshot after some items were added, changed or deleted.

        Args:
            changed: int64, the numbers of these items; all vectors that they had before are forgotten.
            vectors: f32 [N,D], unit length, those that they have now.
            items: int64 [N], the item number of each row.
            local: the item and the local features of each picture that they have now.

        Raises:
            InvalidInput: the vectors are not as long as those of the index.
        """
        changed = np.unique(changed)
        base = tuple(part.without(changed) for part in self.base)
        delta = [part.without(changed) for part in self.delta]
        if len(vectors):
            expected = self._dimension()
            if expected not in (0, vectors.shape[1]):
                raise InvalidInput(
                    f"A change brings vectors of length {vectors.shape[1]} and the index {self.generation.name} has "
                    f"those of length {expected}."
                )
            delta.append(_exact(vectors, items))
        words = self.words
        if words is not None:
            owners = np.array([item for item, _ in local], dtype=np.int64)
            words = words.apply(changed, [features for _, features in local], owners)
        return DeltaIndex(self.generation, base, _merged(delta), words)

    def search(
        self, queries: Floats, k: int, allowed: Numbers | None = None, nprobe: int | None = None
    ) -> tuple[Floats, Numbers]:
        """Return the k nearest items of each query; see `Generation.search`.

        Changes are in no shard that a router could miss: they are always searched.
        """
        queries = check_queries(queries, k, self.generation.name, self._dimension())
        manifest = self.generation.manifest
        rows_per_item = -(-manifest.vectors // manifest.items) if manifest.items else 1
        routing = self.generation.routing(nprobe)
        return search_parts((*self.base, *self.delta), queries, k, allowed, rows_per_item, routing)

    def contains(self, items: Numbers) -> npt.NDArray[np.bool_]:
        """Return whether each item has a vector now; see `Searcher.contains`."""
        return contains((*self.base, *self.delta), items)

    def nearest_vectors(self, query: Floats, items: Numbers) -> Floats:
        """Return each item's nearest vector to the query; see `Searcher.nearest_vectors`."""
        return nearest_vectors((*self.base, *self.delta), query, items)

    def _dimension(self) -> int:
        """Length of the vectors, 0 where there are none."""
        if self.generation.manifest.vectors:
            return self.generation.manifest.dimension
        return int(self.delta[0].shard.index.d) if self.delta else 0


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Merge small shards at the end and drop empty ones: about log(N) remain."""
    parts = [part for part in parts if part.alive is None or part.alive.any()]
    while len(parts) > 1 and parts[-2].shard.index.ntotal < _MERGE_BELOW * parts[-1].shard.index.ntotal:
        parts[-2:] = [_joined(parts[-2], parts[-1])]
    return tuple(parts)


def _joined(first: Part, second: Part) -> Part:
    (vectors, items), (more_vectors, more_items) = _rows(first), _rows(second)
    return _exact(np.concatenate([vectors, more_vectors]), np.concatenate([items, more_items]))


def _exact(vectors: Floats, items: Numbers) -> Part:
    """A flat shard in memory of vectors in any order."""
    order = np.argsort(items, kind="stable")
    return Part(Shard(build(vectors[order], Kind()), items[order]))


def _rows(part: Part) -> tuple[Floats, Numbers]:
    """The living rows: vectors f32 [N,D] and their item numbers int64 [N]."""
    vectors = part.shard.index.reconstruct_n(0, part.shard.index.ntotal)
    return (vectors, part.shard.items) if part.alive is None else (vectors[part.alive], part.shard.items[part.alive])
