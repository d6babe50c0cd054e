"""Shards hold every row once, follow categories, and fall back to clusters."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.index.sharding import CLUSTERS, Labels, check_sharding, divide


def unit(rows: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def labelled(*counts: int, without: int = 0) -> Labels:
    codes = np.concatenate([np.full(count, code) for code, count in enumerate(counts)] + [np.full(without, -1)])
    return Labels(np.random.default_rng(1).permutation(codes), tuple("abcdefgh"[: len(counts)]))


def test_large_categories_get_shards_and_the_rest_is_generic() -> None:
    labels = labelled(300, 5, 100, without=40)
    shares = divide(unit(445), labels, "category", fewest=50)
    assert [share.name for share in shares] == ["a", "c", "generic"]
    for share, code in zip(shares, (0, 2), strict=False):
        np.testing.assert_array_equal(share.rows, np.flatnonzero(labels.codes == code))
    rows = np.concatenate([share.rows for share in shares if share.rows is not None])
    np.testing.assert_array_equal(np.sort(rows), np.arange(445))


def test_many_generic_rows_are_divided_into_clusters_of_near_ones() -> None:
    rng = np.random.default_rng(2)
    centres = unit(CLUSTERS, 3)
    vectors = np.repeat(centres, 60, axis=0) + 0.01 * rng.normal(size=(CLUSTERS * 60, 8)).astype(np.float32)
    shares = divide(vectors, None, "category", fewest=60)
    assert [share.name for share in shares] == [f"generic-{cluster}" for cluster in range(len(shares))]
    rows = np.concatenate([share.rows for share in shares if share.rows is not None])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(vectors)))
    spread = np.mean([vectors[share.rows].std(axis=0).mean() for share in shares])
    assert spread < 0.3 * vectors.std(axis=0).mean()


def test_small_catalogues_are_one_shard_unless_told_otherwise() -> None:
    labels = labelled(300, 300)
    assert [share.rows for share in divide(unit(600), labels)] == [None]
    assert [share.rows for share in divide(unit(600), labels, "one")] == [None]
    assert len(divide(unit(600), labels, "cluster")) == CLUSTERS
    assert [share.rows for share in divide(unit(0), None, "cluster")] == [None]
    assert sum(share.count(5) for share in divide(unit(5), None, "cluster")) == 5


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(InvalidInput, match="auto, one, category or cluster"):
        check_sharding("brand")
