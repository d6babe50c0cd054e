"""A generation on a GPU answers as on the CPU, with filters and deletions; the GPU is a CPU's index in disguise."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from whatsit.index import DeltaIndex, Generation
from whatsit.index import gpu_shard as module
from whatsit.index.generation_writer import write_generation
from whatsit.index.gpu_shard import GpuShard, gpus, on_gpu


class FakeGpuIndex:
    """As FAISS' own: takes no search parameters, returns at most 2,048 rows, cannot remove."""

    asked: list[int]
    capacity = 10**9

    def __init__(self, resources: object, dimension: int, config: object) -> None:
        self.inner = faiss.IndexFlatL2(dimension)
        FakeGpuIndex.asked = []

    def add(self, vectors: np.ndarray) -> None:
        self.inner.add(vectors)
        if self.inner.ntotal > self.capacity:
            raise RuntimeError("Error in virtual void* StandardGpuResources:\nout of memory")

    def search(self, queries: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        assert rows <= 2048
        FakeGpuIndex.asked.append(rows)
        return self.inner.search(queries, rows)


class FakeConfig:
    device = 0


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "get_num_gpus": lambda: 1,
        "StandardGpuResources": object,
        "GpuIndexFlatConfig": FakeConfig,
        "GpuIndexFlatL2": FakeGpuIndex,
    }.items():
        monkeypatch.setattr(faiss, name, value, raising=False)


def units(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """3,000 vectors of 1,000 items, three each."""
    return write_generation(tmp_path, units(3000), np.repeat(np.arange(1, 1001), 3), "e")


def exact(vectors: np.ndarray, items: np.ndarray, query: np.ndarray, k: int, allowed: set[int]) -> list[int]:
    """The k nearest allowed items, by numpy alone."""
    order = np.argsort(np.linalg.norm(vectors - query, axis=1), kind="stable")
    best: list[int] = []
    for item in items[order].tolist():
        if item in allowed and item not in best:
            best.append(item)
    return best[:k]


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05, 0.003])
def test_answers_as_numpy_does_under_every_filter(generation: Generation, share: float) -> None:
    placed = on_gpu(generation, min_rows=1)
    assert isinstance(placed.shards[0], GpuShard)
    vectors, items = units(3000), np.repeat(np.arange(1, 1001), 3)
    allowed = np.random.default_rng(1).permutation(np.arange(1, 1001))[: int(share * 1000)]
    queries = units(5, seed=2)
    distances, numbers = placed.search(queries, 10, None if share == 1 else np.sort(allowed))
    for query, row, found in zip(queries, distances, numbers, strict=True):
        want = exact(vectors, items, query, 10, set(allowed.tolist()))
        assert found[: len(want)].tolist() == want
        assert (found[len(want) :] == -1).all()
        assert (np.diff(row[: len(want)]) >= 0).all()
    assert FakeGpuIndex.asked or share < 0.02, "a wide filter should have been answered by the GPU"


@pytest.mark.usefixtures("card")
def test_deleted_and_changed_items_are_never_found_in_the_old_place(generation: Generation) -> None:
    live = DeltaIndex.of(on_gpu(generation, min_rows=1))
    query = units(3000)[300:303]  # the vectors of item 101
    assert live.search(query, 1)[1].ravel().tolist() == [101] * 3
    gone = live.apply(np.array([101]), units(0), np.array([], np.int64))
    distances, numbers = gone.search(query, 50)
    assert 101 not in numbers
    assert numbers.min() > 0
    want, wanted = DeltaIndex.of(generation).apply(np.array([101]), units(0), np.array([], np.int64)).search(query, 50)
    np.testing.assert_array_equal(numbers, wanted)
    np.testing.assert_allclose(distances, want, atol=1e-6)
    moved = live.apply(np.array([101]), -query[:1], np.array([101]))
    assert moved.search(-query[:1], 1)[1].tolist() == [[101]]
    assert 101 not in moved.search(query, 50)[1]


@pytest.mark.usefixtures("card")
def test_more_rows_than_a_gpu_returns_come_from_the_cpu(generation: Generation) -> None:
    placed = on_gpu(generation, min_rows=1)
    FakeGpuIndex.asked = []
    assert (np.sort(placed.search(units(1), 1000)[1]) == np.arange(1, 1001)).all()
    assert all(rows <= 2048 for rows in FakeGpuIndex.asked)


@pytest.mark.usefixtures("card")
def test_small_shards_and_those_that_do_not_fit_stay_on_the_cpu(
    generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert type(on_gpu(generation, min_rows=3001).shards[0]) is module.Shard
    logged: list[str] = []
    monkeypatch.setattr(FakeGpuIndex, "capacity", 100)
    assert type(on_gpu(generation, logged.append, min_rows=1).shards[0]) is module.Shard
    assert logged == ["A shard of 3000 vectors does not fit on the GPU and is searched on the CPU: out of memory"]


def test_without_a_gpu_nothing_changes(generation: Generation) -> None:
    if gpus():
        pytest.skip("this FAISS has a GPU")
    assert on_gpu(generation) is generation


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("kind", ["ivf", "ivf-byte", "ivfpq-half", "hnsw-byte"])
def test_every_kind_is_exact_on_a_gpu(tmp_path: Path, kind: str) -> None:
    items = np.repeat(np.arange(1, 1001), 3)
    placed = on_gpu(write_generation(tmp_path, units(3000), items, "e", kind=kind), min_rows=1)
    assert isinstance(placed.shards[0], GpuShard)
    assert placed.shards[0].effort
    np.testing.assert_array_equal(placed.search(units(3000)[::10], 1)[1][:, 0], items[::10])
    assert FakeGpuIndex.asked
    narrow = np.array([7, 500])
    assert set(placed.search(units(3), 2, narrow)[1].ravel().tolist()) == {7, 500}
