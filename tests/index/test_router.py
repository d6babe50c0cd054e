"""A router sends a query to the nearest shards that may hold an answer, and changes are found in any case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged

from whatsit.index import DeltaIndex, Generation, open_generation, write_generation
from whatsit.index.index_budget import IndexBudget
from whatsit.index.manifest import Manifest
from whatsit.index.router import CENTROIDS, OWNERS, Router, default_nprobe
from whatsit.index.sharding import Labels, Share

NAMES = tuple(f"c{code}" for code in range(8))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Eight categories of 400 vectors, each around two centres."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(16, 16))
    rows = np.repeat(centres, 200, axis=0) + 0.5 * rng.normal(size=(3200, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def sharded(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """One shard per category, found by its two centres; items are rows."""
    from whatsit.index import sharding

    patch = pytest.MonkeyPatch()
    patch.setattr(sharding.divide, "__defaults__", (None, "auto", 100, 0))
    with patch.context():
        labels = Labels(np.repeat(np.arange(8), 400), NAMES)
        root = tmp_path_factory.mktemp("sharded")
        generation = write_generation(
            root, vectors, np.arange(3200), "e", budget=IndexBudget(sharding="category"), labels=labels
        )
    patch.undo()
    return generation


def test_a_shard_per_category_and_a_router_to_them(sharded: Generation) -> None:
    assert sorted(shard["name"] for shard in sharded.manifest.shards) == list(NAMES)
    assert [shard["rows"] for shard in sharded.manifest.shards] == [400] * 8
    assert sharded.router is not None
    assert (sharded.manifest.nprobe, sharded.manifest.format) == (3, 2)


def test_touching_all_shards_is_exact_and_few_find_nearly_all(sharded: Generation, vectors: np.ndarray) -> None:
    queries = vectors[::40]
    exact = np.argsort(np.linalg.norm(vectors[None] - queries[:, None], axis=2), axis=1)[:, :10]
    whole = sharded.search(queries, 10, nprobe=0)[1]
    np.testing.assert_array_equal(np.sort(whole), np.sort(exact))
    shares = [
        np.mean(
            [len(set(a) & set(b)) / 10 for a, b in zip(sharded.search(queries, 10, nprobe=n)[1], exact, strict=True)]
        )
        for n in (1, 2, 3, 8)
    ]
    assert shares == sorted(shares)
    assert shares[2] >= 0.95
    assert shares[3] == 1.0
    np.testing.assert_array_equal(sharded.search(queries, 10)[1], sharded.search(queries, 10, nprobe=3)[1])


def test_a_filter_leads_to_the_shards_that_hold_its_items(sharded: Generation, vectors: np.ndarray) -> None:
    query, wanted = vectors[:1], np.arange(2800, 3200)  # of the first category, among items of the last one
    found = sharded.search(query, 5, wanted, nprobe=1)[1]
    expected = wanted[np.argsort(np.linalg.norm(vectors[wanted] - query, axis=1))[:5]]
    np.testing.assert_array_equal(found[0], expected)


def test_changes_and_deletions_do_not_depend_on_the_router(sharded: Generation, vectors: np.ndarray) -> None:
    live = DeltaIndex.of(sharded).apply(np.array([0, 5000]), -vectors[:1], np.array([5000]))
    assert live.search(-vectors[:1], 1, nprobe=1)[1].tolist() == [[5000]]
    assert 0 not in live.search(vectors[:1], 400, nprobe=0)[1]
    assert live.search(vectors[1:2], 1, nprobe=1)[1].tolist() == [[1]]


def test_routing_counts_only_useful_shards() -> None:
    router = Router(np.eye(4, dtype=np.float32), np.array([0, 1, 2, 3]))
    queries = np.array([[0.9, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.9]], dtype=np.float32)
    everything = np.ones(4, dtype=bool)
    assert router.route(queries, 2, everything).tolist() == [[True, True, False, False], [False, False, True, True]]
    assert router.route(queries, 1, np.array([False, True, True, False])).tolist() == [
        [False, True, False, False],
        [False, False, True, False],
    ]
    assert router.route(queries, 9, np.array([True, False, True, False])).tolist() == [[True, False, True, False]] * 2


def test_few_shards_are_all_searched_and_many_by_a_few() -> None:
    assert [default_nprobe(shards) for shards in (1, 4, 5, 16, 31, 32, 81)] == [1, 4, 3, 3, 3, 4, 7]


def test_a_shard_with_several_clouds_is_near_at_each_of_them() -> None:
    rng = np.random.default_rng(1)
    clouds = [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    rows = np.concatenate([np.array(one) + 0.01 * rng.normal(size=(100, 3)) for one in clouds]).astype(np.float32)
    shares = (Share("two clouds", np.arange(200)), Share("one", np.arange(200, 300)))
    router = Router.learn(rows, shares)
    assert router.route(rows[[0, 150, 250]], 1, np.ones(2, dtype=bool)).tolist() == [
        [True, False],
        [True, False],
        [False, True],
    ]


def test_a_router_that_does_not_fit_is_damage(sharded: Generation, tmp_path: Path) -> None:
    assert Router.open(tmp_path, 1) is None
    np.save(tmp_path / CENTROIDS, np.ones((3, 16), dtype=np.float32))
    np.save(tmp_path / OWNERS, np.array([0, 1, 9]))
    with pytest.raises(Damaged, match="does not fit"):
        Router.open(tmp_path, 2)
    (tmp_path / OWNERS).write_bytes(b"no array")
    with pytest.raises(Damaged, match="cannot be read"):
        Router.open(tmp_path, 2)


def test_a_generation_of_format_1_is_still_read(tmp_path: Path, vectors: np.ndarray) -> None:
    import json

    generation = write_generation(tmp_path, vectors[:50], np.arange(50), "e")
    path = generation.folder / "manifest.json"
    record = json.loads(path.read_text())
    for name in ("touch", "wishes", "measured", "note"):
        del record[name]
    for shard in record["shards"]:
        del shard["name"], shard["effort"]
    path.write_text(json.dumps({**record, "format": 1}))
    old = open_generation(tmp_path)
    assert Manifest.read(old.folder).format == 1
    assert old.search(vectors[:50], 1)[1][:, 0].tolist() == list(range(50))
