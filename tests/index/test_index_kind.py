"""Each kind of index finds what a plain comparison finds, keeps to filters, and gives its vectors back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.index import DeltaIndex, open_generation, write_generation
from whatsit.index.index_kind import FEWEST_ROWS, Floats, Kind, Numbers, build, lists

KINDS = [
    f"{structure}{storage}" for structure in ("flat", "ivf", "ivfpq", "hnsw") for storage in ("", "-half", "-byte")
]


@pytest.fixture(scope="module")
def clustered() -> Floats:
    """3,000 unit vectors of 32 numbers around 30 centres."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(30, 32)), 100, axis=0) + 0.4 * rng.normal(size=(3000, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nearest(vectors: Floats, queries: Floats, k: int, allowed: Numbers | None = None) -> Numbers:
    """The nearest rows by numpy alone."""
    gaps = np.linalg.norm(vectors[None] - queries[:, None], axis=2)
    if allowed is not None:
        gaps[:, ~np.isin(np.arange(len(vectors)), allowed)] = np.inf
    return np.argsort(gaps, axis=1)[:, :k]


def overlap(found: Numbers, expected: Numbers) -> float:
    return float(
        np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), expected.tolist(), strict=True)])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_finds_filters_forgets_and_gives_back(tmp_path: Path, clustered: Floats, kind: str) -> None:
    rng = np.random.default_rng(1)
    items = np.arange(len(clustered))
    generation = write_generation(tmp_path, clustered, items, "e", kind=kind)
    assert {shard["kind"] for shard in generation.manifest.shards} == {kind}
    queries = clustered[::100] + 0.02 * rng.normal(size=(30, 32)).astype(np.float32)
    wanted = 1.0 if kind == "flat" else 0.9
    assert overlap(generation.search(queries, 10)[1], nearest(clustered, queries, 10)) >= wanted
    for share in (0.5, 0.1, 0.01):
        allowed = np.flatnonzero(rng.random(len(items)) < share)
        distances, found = generation.search(queries, 10, allowed)
        assert np.isin(found, allowed).all()
        assert overlap(found, nearest(clustered, queries, 10, allowed)) >= wanted
        assert (np.diff(distances, axis=1) >= 0).all()
    gone = DeltaIndex.of(generation).apply(items[::2], clustered[:0], items[:0])
    assert (gone.search(queries, 10)[1] % 2 == 1).all()
    query = clustered[77]
    np.testing.assert_allclose(
        generation.nearest_vectors(query, np.array([77, 5, 2999])), clustered[[77, 5, 2999]], atol=0.01
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_a_filter_far_from_the_query_is_answered_in_full(tmp_path: Path, clustered: Floats, kind: str) -> None:
    generation = write_generation(tmp_path, clustered, np.arange(len(clustered)), "e", kind=kind)
    far = np.arange(1500, 3000)  # none of them near the query
    distances, found = generation.search(clustered[:1], 20, far)
    assert np.isin(found, far).all()
    assert np.isfinite(distances).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_stated_bytes_are_those_of_the_file(tmp_path: Path, clustered: Floats, kind: str) -> None:
    generation = write_generation(tmp_path, clustered, np.arange(len(clustered)), "e", kind=kind)
    size = os.path.getsize(generation.folder / "shard-0.faiss")
    about = len(clustered) * Kind.parse(kind).bytes_per_vector(32) + 4 * 32 * lists(len(clustered))
    assert 0.8 * about <= size <= 1.25 * about + 20_000


def test_few_rows_are_kept_flat_and_none_at_all_too() -> None:
    assert Kind.parse("ivfpq-byte").at(FEWEST_ROWS - 1) == Kind.parse("flat-byte")
    assert Kind.parse("ivf").at(FEWEST_ROWS) == Kind.parse("ivf")
    assert build(np.empty((0, 8), dtype=np.float32), Kind.parse("hnsw-byte")).ntotal == 0


@pytest.mark.parametrize("name", ["", "annoy", "ivf-", "ivf-float16", "flat-byte-half"])
def test_unknown_kinds_are_refused(name: str) -> None:
    if name == "ivf-":
        assert str(Kind.parse(name)) == "ivf"
        return
    with pytest.raises(InvalidInput, match="no kind of index"):
        Kind.parse(name)


def test_the_effort_in_the_manifest_is_the_effort_of_the_search(tmp_path: Path, clustered: Floats) -> None:
    generation = write_generation(tmp_path, clustered, np.arange(len(clustered)), "e", kind="ivf")
    (shard,) = generation.shards
    assert shard.effort == generation.manifest.shards[0]["effort"] == Kind.parse("ivf").usual_effort(len(clustered))
    assert open_generation(tmp_path).shards[0].effort == shard.effort
