"""Selections of rows, and the items of several rows."""

from __future__ import annotations

import faiss
import numpy as np

from whatsit.index.index_kind import Kind, build
from whatsit.index.selection import Selection
from whatsit.index.shard import Shard
from whatsit.index.shard_search import Part, first_of_each


def test_forms_of_a_selection_agree() -> None:
    selection = Selection(np.arange(100) % 3 == 0)
    assert (selection.count, selection.share) == (34, 0.34)
    np.testing.assert_array_equal(selection.rows, np.arange(0, 100, 3))
    assert [selection.selector.is_member(row) for row in range(100)] == selection.mask.tolist()
    assert isinstance(selection.selector, faiss.IDSelectorBitmap)


def test_a_filter_is_turned_into_rows_once() -> None:
    vectors = np.eye(8, dtype=np.float32)
    part = Part(Shard(build(vectors, Kind()), np.arange(8) // 2))
    allowed = np.array([1, 3])
    first = part.selected(allowed)
    assert first is not None
    assert first.rows.tolist() == [2, 3, 6, 7]
    assert part.selected(allowed) is first
    assert part.selected(allowed.copy()) is not first
    gone = part.without(np.array([3]))
    left = gone.selected(allowed)
    assert left is not None
    assert left.rows.tolist() == [2, 3]
    assert gone.selected(None) is gone.selected(None)


def test_first_rows_of_items_are_those_of_a_full_sort() -> None:
    rng = np.random.default_rng(0)
    distances = np.sort(rng.integers(0, 6, (20, 12)).astype(np.float32), axis=1)
    items = rng.integers(-1, 9, (20, 12))
    sorted_first = first_of_each(distances, items, 5, ascending=True)
    again = first_of_each(distances, items, 5)
    np.testing.assert_array_equal(sorted_first[0], again[0])
    np.testing.assert_array_equal(sorted_first[1], again[1])
    for row in range(20):
        expected = list(dict.fromkeys(item for item in items[row].tolist() if item >= 0))[:5]
        assert sorted_first[1][row].tolist() == expected + [-1] * (5 - len(expected))


def test_a_scan_of_listed_rows_is_exact_and_ends_where_the_rows_do() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((3000, 16)).astype(np.float32)
    shard = Shard(build(vectors, Kind.parse("hnsw")), np.arange(3000))
    selection = Selection(np.isin(np.arange(3000), rng.choice(3000, 1200, replace=False)))
    queries = rng.standard_normal((7, 16)).astype(np.float32)
    exact = np.linalg.norm(queries[:, None] - vectors[selection.rows][None], axis=2)
    distances, rows = shard.search(queries, 20, selection)
    np.testing.assert_array_equal(rows, selection.rows[np.argsort(exact, axis=1, kind="stable")[:, :20]])
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :20], rtol=1e-4)
    all_of_them = shard.search(queries, 1200, selection)[1]
    assert (np.sort(all_of_them, axis=1) == selection.rows).all()
