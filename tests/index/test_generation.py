"""A generation finds items exactly, with and without a filter, flat and as a graph."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.index import Generation, open_generation, write_generation
from whatsit.index.shard import FLAT_UP_TO, Floats, Numbers, choose_kind
from whatsit.index.shard_search import first_of_each


def unit(rng: np.random.Generator, rows: int, dimension: int = 16) -> Floats:
    vectors = rng.normal(size=(rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_hand(vectors: Floats, items: Numbers, query: Floats, k: int, allowed: Numbers | None) -> list[tuple[float, int]]:
    """The k nearest items by a plain loop."""
    nearest: dict[int, float] = {}
    for vector, item in zip(vectors.astype(np.float64), items.tolist(), strict=True):
        if allowed is None or item in allowed:
            nearest[item] = min(nearest.get(item, np.inf), float(np.linalg.norm(vector - query)))
    return sorted((distance, item) for item, distance in nearest.items())[:k]


def assert_same_as_by_hand(
    generation: Generation, vectors: Floats, items: Numbers, queries: Floats, k: int, allowed: Numbers | None
) -> None:
    distances, numbers = generation.search(queries, k, allowed)
    assert distances.shape == numbers.shape == (len(queries), k)
    assert (distances.dtype, numbers.dtype) == (np.float32, np.int64)
    for query, row_distances, row_numbers in zip(queries, distances, numbers, strict=True):
        expected = by_hand(vectors, items, query, k, allowed)
        assert row_numbers.tolist() == [item for _, item in expected] + [-1] * (k - len(expected))
        np.testing.assert_allclose(row_distances[: len(expected)], [distance for distance, _ in expected], atol=2e-3)
        assert np.isinf(row_distances[len(expected) :]).all()


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 80),
    items=st.integers(1, 40),
    k=st.integers(1, 12),
    share=st.none() | st.floats(0, 1),
    kind=st.sampled_from(["flat", "hnsw", "ivf", "ivfpq"]),
)
def test_search_is_exact_per_item_under_any_filter(
    tmp_path_factory: pytest.TempPathFactory, seed: int, rows: int, items: int, k: int, share: float | None, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    vectors, numbers = unit(rng, rows), rng.integers(0, items, rows) * 7
    allowed = None if share is None else np.flatnonzero(rng.random(items) < share) * 7
    generation = write_generation(tmp_path_factory.mktemp("index"), vectors, numbers, "e", kind=kind)
    assert_same_as_by_hand(generation, vectors, numbers, unit(rng, 3), k, allowed)


def test_one_item_with_very_many_vectors_does_not_hide_the_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    query = unit(rng, 1)
    crowd = query + 0.01 * unit(rng, 300)
    others = unit(rng, 5)
    vectors = np.concatenate([crowd / np.linalg.norm(crowd, axis=1, keepdims=True), others])
    numbers = np.array([9] * 300 + [1, 2, 3, 4, 5])
    generation = write_generation(tmp_path, vectors, numbers, "e")
    assert_same_as_by_hand(generation, vectors, numbers, query, 4, None)
    assert set(generation.search(query, 10)[1][0]) == {9, 1, 2, 3, 4, 5, -1}


def test_the_graph_finds_nearly_all_that_the_scan_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    vectors, numbers, queries = unit(rng, 2000, 32), np.arange(2000), unit(rng, 50, 32)
    exact = write_generation(tmp_path / "flat", vectors, numbers, "e", kind="flat").search(queries, 10)[1]
    found = write_generation(tmp_path / "hnsw", vectors, numbers, "e", kind="hnsw").search(queries, 10)[1]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)])
    assert recall >= 0.95
    half = np.flatnonzero(rng.random(2000) < 0.5)
    assert np.isin(write_generation(tmp_path / "hnsw", vectors, numbers, "e").search(queries, 10, half)[1], half).all()


def test_the_size_decides_the_kind() -> None:
    assert choose_kind(0) == choose_kind(FLAT_UP_TO) == "flat"
    assert choose_kind(FLAT_UP_TO + 1) == "hnsw"


def test_an_item_finds_itself_at_distance_zero(tmp_path: Path) -> None:
    vectors = unit(np.random.default_rng(3), 40)
    distances, numbers = write_generation(tmp_path, vectors, np.arange(40), "e").search(vectors, 1)
    assert numbers[:, 0].tolist() == list(range(40))
    assert distances.max() < 1e-3


def test_many_threads_search_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    vectors = unit(rng, 500)
    generation = write_generation(tmp_path, vectors, np.arange(500), "e")
    allowed = np.arange(0, 500, 3)
    expected = generation.search(vectors[:8], 5, allowed)[1]
    same: list[bool] = []

    def search() -> None:
        same.extend(np.array_equal(generation.search(vectors[:8], 5, allowed)[1], expected) for _ in range(20))

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 80


@pytest.mark.parametrize(("queries", "k"), [(np.ones((1, 5)), 1), (np.ones(16), 1), (np.ones((1, 16)), 0)])
def test_queries_that_do_not_fit_are_refused(tmp_path: Path, queries: Floats, k: int) -> None:
    generation = write_generation(tmp_path, unit(np.random.default_rng(5), 3), np.arange(3), "e")
    with pytest.raises(InvalidInput):
        generation.search(queries, k)


def test_no_queries_give_no_rows(tmp_path: Path) -> None:
    generation = write_generation(tmp_path, unit(np.random.default_rng(6), 3), np.arange(3), "e")
    assert generation.search(np.empty((0, 16), dtype=np.float32), 4)[1].shape == (0, 4)


def test_rows_of_several_shards_join_by_item() -> None:
    distances = np.array([[0.5, 0.9, np.inf, 0.4, 0.6]], dtype=np.float32)
    joined = first_of_each(distances, np.array([[1, 2, -1, 2, 1]]), 3)
    assert joined[1].tolist() == [[2, 1, -1]]
    np.testing.assert_allclose(joined[0][0, :2], [0.4, 0.5])


def test_an_open_generation_outlives_its_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    vectors = unit(rng, 50)
    old = write_generation(tmp_path, vectors, np.arange(50), "e", keep=1)
    new = write_generation(tmp_path, vectors[:10], np.arange(10), "e", keep=1)
    assert not old.folder.exists()
    assert open_generation(tmp_path).name == new.name
    assert old.search(vectors[40:], 1)[1][:, 0].tolist() == list(range(40, 50))


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_the_nearest_vector_of_each_item_derived_by_a_loop(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    vectors, numbers = unit(rng, 60), rng.integers(0, 15, 60) * 3
    generation = write_generation(tmp_path, vectors, numbers, "e", kind=kind)
    query = unit(rng, 1)[0]
    asked = rng.permutation(np.unique(numbers))[:9]
    found = generation.nearest_vectors(query, asked)
    assert (found.shape, found.dtype) == ((9, 16), np.float32)
    for item, vector in zip(asked.tolist(), found, strict=True):
        own = [row for row, number in zip(vectors, numbers.tolist(), strict=True) if number == item]
        np.testing.assert_array_equal(vector, min(own, key=lambda row: float(np.linalg.norm(row - query))))
    assert generation.nearest_vectors(query, asked[:0]).shape == (0, 16)


def test_an_item_without_a_vector_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    generation = write_generation(tmp_path, unit(rng, 4), np.array([2, 4, 6, 8]), "e")
    with pytest.raises(InvalidInput, match="item number 5"):
        generation.nearest_vectors(unit(rng, 1)[0], np.array([4, 5]))
