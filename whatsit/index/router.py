"""Routing of queries to the shards whose centroids are nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.index.index_kind import Floats, Numbers, kmeans
from whatsit.index.sharding import CLUSTERS, Share

CENTROIDS = "router.centroids.npy"
OWNERS = "router.shards.npy"

# Several a shard, for a category is seldom one round cloud.
CENTROIDS_PER_SHARD = 16
# Up to here all shards are searched unless the caller says otherwise.
ALL_UP_TO = 4
DEFAULT_NPROBE = 3
_FEWEST_ROWS = 39
_SAMPLE = 16_384


@dataclass(frozen=True, eq=False)
class Router:
    """Coarse centroids of every shard; a query goes to the shards of the nearest.

    Args:
        centroids: f32 [C,D].
        owners: int64 [C], the shard of each centroid.
    """

    centroids: Floats
    owners: Numbers

    @classmethod
    def learn(cls, vectors: Floats, shares: Sequence[Share], seed: int = 0) -> Router:
        """Take centroids from the rows of each shard by k-means.

        Args:
            vectors: f32 [N,D].
            shares: of these rows.
            seed: of k-means.
        """
        centroids, owners = [], []
        for shard, share in enumerate(shares):
            rows = share.of(vectors)
            rows = rows[:: max(1, len(rows) // _SAMPLE)]
            count = min(CENTROIDS_PER_SHARD, max(1, len(rows) // _FEWEST_ROWS))
            centroids.append(kmeans(rows, count, seed))
            owners += [shard] * count
        return cls(np.concatenate(centroids), np.array(owners, dtype=np.int64))

    def write(self, folder: Path) -> None:
        """Write two files into a generation's folder."""
        np.save(folder / CENTROIDS, self.centroids, allow_pickle=False)
        np.save(folder / OWNERS, self.owners, allow_pickle=False)

    @classmethod
    def open(cls, folder: Path, shards: int) -> Router | None:
        """Read them again; None where a generation has none.

        Raises:
            Damaged: they cannot be read, or do not fit together.
        """
        if not (folder / CENTROIDS).exists():
            return None
        try:
            router = cls(np.load(folder / CENTROIDS, allow_pickle=False), np.load(folder / OWNERS, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise Damaged(f"The router of {folder} cannot be read; run 'whatsit catalogue publish' again.") from error
        if router.owners.shape != (len(router.centroids),) or not set(router.owners.tolist()) <= set(range(shards)):
            raise Damaged(f"The router of {folder} does not fit its shards; run 'whatsit catalogue publish' again.")
        return router

    def distances(self, queries: Floats, shards: int) -> Floats:
        """Return squared distances f32 [Q,shards] of queries to shards' nearest centroids."""
        squared = faiss.pairwise_distances(np.ascontiguousarray(queries, dtype=np.float32), self.centroids)
        nearest = np.full((shards, len(queries)), np.inf, dtype=np.float32)
        np.minimum.at(nearest, self.owners, squared.T)
        return nearest.T

    def route(self, queries: Floats, nprobe: int, useful: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return the shards that are worth searching.

        Args:
            queries: f32 [Q,D].
            nprobe: shards per query, 1 or more.
            useful: bool [shards], False for a shard without rows that may be returned: it is not counted.

        Returns:
            bool [Q,shards], `nprobe` True in each row, or as many as there are useful shards.
        """
        wanted = np.zeros((len(queries), len(useful)), dtype=bool)
        places = np.flatnonzero(useful)
        if nprobe >= len(places):
            wanted[:, places] = True
            return wanted
        near = self.distances(queries, len(useful))[:, places]
        nearest = places[np.argpartition(near, nprobe - 1, axis=1)[:, :nprobe]]
        np.put_along_axis(wanted, nearest, values=True, axis=1)
        return wanted


def default_nprobe(shards: int) -> int:
    """Return the default shards per query: all of a few, 3 of 31, then 1 more per 16."""
    return shards if shards <= ALL_UP_TO else DEFAULT_NPROBE + max(0, shards - CLUSTERS) // CLUSTERS
