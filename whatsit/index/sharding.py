"""Division of vectors into shards: one per large category, clusters for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import faiss
import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.index.index_kind import Floats, Numbers, kmeans

Sharding = Literal["auto", "one", "category", "cluster"]

# Below, one shard is searched in less time than it takes to ask which shards are worth searching.
ONE_UP_TO = 200_000
CLUSTERS = 16
GENERIC = "generic"
# Smaller categories join the generic pictures: a shard costs each search that touches it about 50 microseconds.
FEWEST_OF_CATEGORY = 2_000
MOST_CATEGORIES = 128
_ROWS_PER_CLUSTER = 256
_PIECE = 50_000


@dataclass(frozen=True)
class Labels:
    """The category of each row.

    Args:
        codes: int64 [N], places in `names`; -1 for a row without category.
        names: of the categories.
    """

    codes: Numbers
    names: tuple[str, ...]

    def taken(self, rows: Numbers) -> Labels:
        """Return the labels of some rows, int64 [R]."""
        return Labels(self.codes[rows], self.names)


@dataclass(frozen=True)
class Share:
    """The rows of one shard.

    Args:
        name: the category, `generic`, or `generic-3` for a cluster.
        rows: int64, ascending; None for all rows.
    """

    name: str
    rows: Numbers | None = None

    def count(self, total: int) -> int:
        """Return the number of these rows, of `total`."""
        return total if self.rows is None else len(self.rows)

    def of(self, values: Floats) -> Floats:
        """Return those rows of an array; a view where it is all of them."""
        return values if self.rows is None else values[self.rows]


def check_sharding(name: str) -> Sharding:
    """Return the name as a `Sharding`.

    Raises:
        InvalidInput: it is none.
    """
    for known in get_args(Sharding):
        if name == known:
            return known  # type: ignore[no-any-return]  # get_args knows no types
    raise InvalidInput(f"Shards are made by auto, one, category or cluster, not '{name[:40]}'.")


def divide(
    vectors: Floats,
    labels: Labels | None = None,
    sharding: Sharding = "auto",
    fewest: int = FEWEST_OF_CATEGORY,
    seed: int = 0,
) -> tuple[Share, ...]:
    """Divide rows into shards.

    Args:
        vectors: f32 [N,D].
        labels: of the rows; None where none has a category.
        sharding: `one` shard; by `category`, the rest into clusters; all into clusters (`cluster`); or `auto`: one up
            to `ONE_UP_TO` rows, by category beyond.
        fewest: rows of a category that gets a separate shard; the rest counts as generic. So many times 16 generic
            rows are divided into clusters.
        seed: of k-means.

    Returns:
        Shares that contain each row once.
    """
    total = len(vectors)
    if sharding == "auto":
        sharding = "one" if total <= ONE_UP_TO else "category"
    if sharding == "one" or not total:
        return (Share("all"),)
    shares: list[Share] = []
    generic = np.ones(total, dtype=bool)
    if sharding == "category" and labels is not None:
        counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(labels.names))
        for code in np.argsort(-counts, kind="stable")[:MOST_CATEGORIES].tolist():
            if counts[code] >= max(fewest, 1):
                shares.append(Share(labels.names[code], np.flatnonzero(labels.codes == code)))
                generic[shares[-1].rows] = False
    rest = np.flatnonzero(generic)
    if sharding == "cluster" or len(rest) >= CLUSTERS * max(fewest, 1):
        clusters = _clusters(vectors, rest, seed)
        names = [f"{GENERIC}-{cluster}" for cluster in range(CLUSTERS)]
        parts = [rest[clusters == cluster] for cluster in range(CLUSTERS)]
        shares += [Share(name, rows) for name, rows in zip(names, parts, strict=True) if len(rows)]
    elif len(rest):
        shares.append(Share(GENERIC, rest))
    return tuple(shares)


def _clusters(vectors: Floats, rows: Numbers, seed: int) -> Numbers:
    """Return the nearest of 16 centroids for each of these rows, int64."""
    if len(rows) <= CLUSTERS:
        return np.arange(len(rows))
    centroids = kmeans(vectors[rows[:: max(1, len(rows) // (CLUSTERS * _ROWS_PER_CLUSTER))]], CLUSTERS, seed)
    nearest = [
        faiss.knn(np.ascontiguousarray(vectors[rows[start : start + _PIECE]]), centroids, 1)[1][:, 0]
        for start in range(0, len(rows), _PIECE)
    ]
    return np.concatenate(nearest)
