"""A generation with changes on top answers as an index of the final state would."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.index import DeltaIndex, write_generation
from whatsit.index.shard import Floats, Numbers

DIMENSION = 6
# One step: items that change together, each with the number of vectors that it has then (0: it is deleted).
Steps = list[dict[int, int]]
steps = st.lists(st.dictionaries(st.integers(0, 30), st.integers(0, 3), min_size=1, max_size=8), max_size=12)


def unit(rng: np.random.Generator, rows: int, dimension: int = DIMENSION) -> Floats:
    vectors = rng.normal(size=(rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def stacked(state: dict[int, Floats]) -> tuple[Floats, Numbers]:
    parts = [np.empty((0, DIMENSION), dtype=np.float32), *state.values()]
    return np.concatenate(parts), np.repeat(list(state), [len(rows) for rows in state.values()]).astype(np.int64)


def nearest(state: dict[int, Floats], query: Floats, k: int, allowed: Numbers | None) -> list[tuple[float, int]]:
    """By a plain loop over the final state."""
    found = [
        (float(np.linalg.norm(rows.astype(np.float64) - query, axis=1).min()), item)
        for item, rows in state.items()
        if len(rows) and (allowed is None or item in allowed)
    ]
    return sorted(found)[:k]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    published=st.dictionaries(st.integers(0, 30), st.integers(1, 3), max_size=20),
    changes=steps,
    allowed=st.none() | st.sets(st.integers(0, 40)),
    k=st.integers(1, 40),
    kind=st.sampled_from(["flat", "hnsw", "ivf", "ivfpq"]),
    seed=st.integers(0, 1000),
)
@pytest.mark.slow
def test_changes_on_a_generation_equal_a_search_of_the_final_state(
    tmp_path_factory: pytest.TempPathFactory,
    published: dict[int, int],
    changes: Steps,
    allowed: set[int] | None,
    k: int,
    kind: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    state = {item: unit(rng, count) for item, count in published.items()}
    root = tmp_path_factory.mktemp("index")
    live = DeltaIndex.of(write_generation(root, *stacked(state), "e", kind=kind))
    for step in changes:
        new = {item: unit(rng, count) for item, count in step.items()}
        live = live.apply(np.array(list(step)), *stacked(new))
        state = {item: rows for item, rows in {**state, **new}.items() if len(rows)}
    numbers = None if allowed is None else np.array(sorted(allowed), dtype=np.int64)
    queries = unit(rng, 3)
    distances, items = live.search(queries, k, numbers)
    again = live.search(queries, k, numbers)
    np.testing.assert_array_equal(items, again[1])
    for row, query in enumerate(queries):
        expected = nearest(state, query, k, numbers)
        assert items[row].tolist() == [item for _, item in expected] + [-1] * (k - len(expected))
        np.testing.assert_allclose(distances[row, : len(expected)], [one for one, _ in expected], atol=1e-4)
        assert np.isinf(distances[row, len(expected) :]).all()


def test_a_snapshot_never_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng, 200)
    first = DeltaIndex.of(write_generation(tmp_path, vectors, np.arange(200), "e"))
    before = first.search(vectors[:20], 5)
    same: list[bool] = []

    def search() -> None:
        same.extend(np.array_equal(first.search(vectors[:20], 5)[1], before[1]) for _ in range(20))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    live = first
    for item in range(100):
        live = live.apply(np.array([item, 200 + item]), unit(rng, 1), np.array([200 + item]))
    for thread in threads:
        thread.join()
    assert same == [True] * 60
    assert not set(live.search(vectors[:20], 50)[1].ravel()) & set(range(100))


def test_many_small_changes_stay_few_shards_and_forget_what_is_overwritten(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    live = DeltaIndex.of(write_generation(tmp_path, unit(rng, 10), np.arange(10), "e"))
    for step in range(1500):
        item = np.array([1000 + step % 300])
        live = live.apply(item, unit(rng, 1), item)
    assert len(live.delta) <= 5
    assert live.delta_vectors <= 2 * 300
    assert set(live.search(unit(rng, 1), 400)[1].ravel()) == {-1, *range(10), *range(1000, 1300)}


def test_changes_on_an_empty_index_set_its_length(tmp_path: Path) -> None:
    live = DeltaIndex.of(
        write_generation(tmp_path, np.empty((0, 1), dtype=np.float32), np.empty(0, dtype=np.int64), "e")
    )
    vectors = unit(np.random.default_rng(3), 4)
    live = live.apply(np.arange(4), vectors, np.arange(4))
    assert live.search(vectors, 1)[1][:, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(InvalidInput, match="queries"):
        live.search(np.ones((1, 3)), 1)
    with pytest.raises(InvalidInput, match="length 3"):
        live.apply(np.array([9]), unit(np.random.default_rng(4), 1, 3), np.array([9]))
