"""Budgets are met by what is chosen, or it is said which one is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.index import autotune as choosing
from whatsit.index import open_generation, write_generation
from whatsit.index.index_budget import IndexBudget, Measured
from whatsit.index.probe_queries import Probes, recall


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """4,000 unit vectors of 32 numbers around 200 centres."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(200, 32)), 20, axis=0) + 0.4 * rng.normal(size=(4000, 32))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_probes_know_their_nearest_items(vectors: np.ndarray) -> None:
    items = np.repeat(np.arange(1000), 4)
    probes = Probes.of(vectors, items, count=20)
    np.testing.assert_allclose(np.linalg.norm(probes.queries, axis=1), 1, atol=1e-5)
    for query, row in zip(probes.queries, probes.nearest, strict=True):
        gaps = np.linalg.norm(vectors - query, axis=1).reshape(1000, 4).min(axis=1)
        assert row.tolist() == np.argsort(gaps)[:10].tolist()


def test_recall_by_hand() -> None:
    assert recall(np.array([[1, 2, 3], [9, 8, 7]]), np.array([[3, 4, -1], [7, 8, 9]])) == pytest.approx(4 / 5)


@pytest.mark.parametrize("sample", [False, True])
def test_what_is_chosen_meets_memory_and_recall_and_is_measured(
    tmp_path: Path, vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch, sample: bool
) -> None:
    if sample:
        monkeypatch.setattr(choosing, "TRIED_ON", 2000)
    budget = IndexBudget(max_query_ms=1000, max_memory=4000 * 60, min_recall=0.9)
    generation = write_generation(tmp_path, vectors, np.arange(4000), "e", budget=budget)
    manifest = generation.manifest
    assert manifest.note == ""
    assert manifest.measured["recall"] >= 0.9
    files = [generation.folder / shard[name] for shard in manifest.shards for name in ("file", "items")]
    assert manifest.measured["bytes"] == sum(map(os.path.getsize, files)) <= 4000 * 60
    assert {shard["kind"] for shard in manifest.shards} == {manifest.measured["kind"]} == {"flat-byte"}
    assert sorted(os.listdir(generation.folder)) == ["manifest.json", "shard-0.faiss", "shard-0.items.npy"]
    probes = Probes.of(vectors, np.arange(4000), count=100, seed=5)
    assert recall(generation.search(probes.queries, 10)[1], probes.nearest) >= 0.85


def test_exactness_is_met_by_keeping_all_bits(tmp_path: Path, vectors: np.ndarray) -> None:
    budget = IndexBudget(max_query_ms=1000, min_recall=1.0)
    generation = write_generation(tmp_path, vectors, np.arange(4000), "e", budget=budget)
    assert generation.manifest.measured["recall"] == 1.0
    assert not generation.manifest.measured["kind"].endswith("byte")


def test_a_budget_that_cannot_be_met_is_named_with_what_comes_nearest(tmp_path: Path, vectors: np.ndarray) -> None:
    budget = IndexBudget(kind="flat-half", max_memory=1000)
    generation = write_generation(tmp_path, vectors, np.arange(4000), "e", budget=budget)
    assert generation.manifest.note.startswith("No index met 0 MB with the other budgets; the nearest is flat-half")
    assert generation.search(vectors[:5], 1)[1].ravel().tolist() == [0, 1, 2, 3, 4]


def test_wishes_stay_until_others_are_given(tmp_path: Path, vectors: np.ndarray) -> None:
    items = np.arange(4000)
    first = write_generation(tmp_path, vectors, items, "e", budget=IndexBudget(kind="ivf-byte", sharding="cluster"))
    assert write_generation(tmp_path, vectors, items, "e").name == first.name
    second = write_generation(tmp_path, vectors[:3000], items[:3000], "e")
    assert len(second.shards) == 16
    assert IndexBudget.from_record(second.manifest.budget) == IndexBudget(kind="ivf-byte", sharding="cluster")
    third = write_generation(tmp_path, vectors[:3000], items[:3000], "e", budget=IndexBudget())
    assert [shard["kind"] for shard in third.manifest.shards] == ["flat"]
    assert open_generation(tmp_path).name == third.name


@pytest.mark.parametrize(
    "budget",
    [
        {"kind": "lsh"},
        {"max_query_ms": 0},
        {"max_memory": 0},
        {"min_recall": 1.2},
        {"min_recall": 0},
        {"sharding": "x"},
    ],
)
def test_budgets_out_of_range_are_refused(budget: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        IndexBudget(**budget)  # type: ignore[arg-type]  # one budget of each type
    with pytest.raises(Damaged):
        IndexBudget.from_record(budget)


def test_the_worst_budget_counts() -> None:
    measured = Measured("flat", {}, recall=0.91, error=0.01, query_ms=2.0, bytes=300, queries=10)
    assert measured.budget_ratio(IndexBudget(min_recall=0.9, max_query_ms=2.0, max_memory=300)) == 1.0
    assert measured.budget_ratio(IndexBudget(min_recall=0.8, max_query_ms=1.0)) == 2.0
    assert measured.budget_ratio(IndexBudget(min_recall=0.95, max_query_ms=4.0)) == pytest.approx(2.0)
