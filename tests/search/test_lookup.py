"""Retrieval on a catalogue with made-up vectors: what stages may ask for, and which threshold counts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import Damaged

from whatsit.catalogue import Filter, Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.index import Generation, open_generation
from whatsit.ranking.answer_model import FOUND
from whatsit.ranking.stages import STAGES
from whatsit.search.answer_calibration import Calibration
from whatsit.search.lookup import Lookup, RegionFeatures
from whatsit.search.retriever import Retriever
from whatsit.serving.request_options import Options

Vectors = npt.NDArray[np.float32]
AREAS = np.ones(20, dtype=np.float32)
KNOWN = Calibration("e", "000001", 40, 1.0, 0.0, 0.8, 0.05, 0.05, 0.9, 0.02, 100, 100, "synthetic", "2026-01-01")


def unit(rng: np.random.Generator, rows: int) -> Vectors:
    vectors = rng.normal(size=(rows, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def vectors() -> Vectors:
    """Two for each of 40 items, whose numbers are 1..40."""
    return unit(np.random.default_rng(0), 80).reshape(40, 2, 8)


@pytest.fixture
def folder(tmp_path: Path, vectors: Vectors) -> Path:
    layout = Layout(tmp_path)
    box = (0.0, 0.0, 1.0, 1.0)
    with Store(layout.store) as store:
        store.put(
            [
                (
                    ItemFields(f"item {i}", category="even" if i % 2 == 0 else None),
                    [Picture(f"{i}.jpg", f"{i}", tuple(Vector(box, row) for row in rows))],
                    "e",
                )
                for i, rows in enumerate(vectors, start=1)
            ]
        )
        publish(store, layout.index, "e")
    return tmp_path


def test_a_second_search_has_ranks_of_the_query_and_scores_of_the_vector(folder: Path, vectors: Vectors) -> None:
    query, other = unit(np.random.default_rng(1), 2)
    with Store(Layout(folder).store) as store:
        allowed = store.select(Filter.parse('{"category": "even"}'))
        store.delete(["item 4"])
        lookup = Lookup(open_generation(Layout(folder).index), store, 10, allowed, min_score=0.5)
        (first,) = lookup.search(query[None], [RegionFeatures()])
        again = first.search_context.search_from(other)

        near = {
            i: (2 - np.linalg.norm(rows - query, axis=1).min(), 2 - np.linalg.norm(rows - other, axis=1).min())
            for i, rows in enumerate(vectors, start=1)
            if i % 2 == 0
        }
        nearest = sorted(near, key=lambda i: -near[i][1])[:10]
        expected = [i for i in nearest if near[i][0] >= 0.5 and i != 4]
        assert again.numbers.tolist() == expected
        np.testing.assert_allclose(again.scores, [near[i][0] for i in expected], atol=1e-3)
        np.testing.assert_allclose(again.rerank_scores, [near[i][1] for i in expected], atol=1e-3)
        assert again.categories == ("even",) * len(expected)
        assert set(expected) <= set(lookup.records)
        np.testing.assert_array_equal(
            first.search_context.vectors(first.numbers),
            [min(vectors[i - 1], key=lambda row: float(np.linalg.norm(row - query))) for i in first.numbers],
        )


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in ("geometry", "learned")])
def test_every_stage_can_be_asked_for(folder: Path, stage: str) -> None:
    found = Retriever(folder, "e")(unit(np.random.default_rng(2), 3), AREAS[:3], Options(rerank=stage, min_score=0.3))
    assert len(found.regions) == 3
    for matches in found.regions:
        assert len(matches)
        assert matches.scores.min() >= 0.3
        assert set(matches.numbers.tolist()) <= set(found.records)


@pytest.mark.parametrize("rerank", ["none", None])
def test_without_such_a_stage_no_vector_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rerank: str | None
) -> None:
    monkeypatch.setattr(Generation, "nearest_vectors", None)
    assert len(Retriever(folder, "e")(unit(np.random.default_rng(2), 1), AREAS[:1], Options(rerank=rerank)).regions[0])


def needed(folder: Path, retriever: Retriever) -> float:
    """The probability that an answer needs, found by asking with vectors at known distances from a lone item."""
    generation = open_generation(Layout(folder).index)
    own = generation.nearest_vectors(unit(np.random.default_rng(4), 1)[0], np.array([7]))[0]
    with Store(Layout(folder).store) as store:
        store.delete([f"item {i}" for i in range(1, 41) if i != 7])
    away = unit(np.random.default_rng(5), 1)[0]
    found = []
    for step in np.linspace(0.0, 1.0, 400):
        query = (1 - step) * own - step * away
        query = (query / np.linalg.norm(query)).astype(np.float32)
        said = retriever(query[None], AREAS[:1], Options())
        if said.answer.found:
            found.append(said.answer.probability)
    return min(found)


def test_a_calibration_of_this_embedder_counts_for_answers_from_the_next_call(folder: Path) -> None:
    retriever = Retriever(folder, "e", min_score=0.5)
    assert needed(folder, retriever) == pytest.approx(FOUND, abs=0.03)
    assert not retriever(unit(np.random.default_rng(4), 1), AREAS[:1], Options()).answer.calibrated
    KNOWN.write(Layout(folder).calibration)
    assert needed(folder, retriever) == pytest.approx(0.8, abs=0.03)
    assert retriever(unit(np.random.default_rng(4), 1), AREAS[:1], Options()).answer.calibrated
    dataclasses.replace(KNOWN, fingerprint="another").write(Layout(folder).calibration)
    assert needed(folder, retriever) == pytest.approx(FOUND, abs=0.03)


def test_a_calibration_of_a_former_version_no_longer_counts_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Layout(folder).calibration.write_text(json.dumps({"format": 1, "answer_score": 1.3, "fingerprint": "e"}))
    assert not Retriever(folder, "e")(unit(np.random.default_rng(4), 1), AREAS[:1], Options()).answer.calibrated
    assert "run 'whatsit calibrate' again" in capsys.readouterr().out


def test_matches_are_shown_down_to_the_servers_threshold_with_any_calibration(folder: Path) -> None:
    KNOWN.write(Layout(folder).calibration)
    queries = unit(np.random.default_rng(3), 20)
    found = Retriever(folder, "e", min_score=0.5)(queries, AREAS, Options(top_k=40, rerank="none"))
    assert 0.5 <= min(float(matches.scores.min()) for matches in found.regions if len(matches)) < 0.55


def test_a_calibration_damaged_while_serving_leaves_the_old_one(folder: Path) -> None:
    KNOWN.write(Layout(folder).calibration)
    retriever = Retriever(folder, "e", min_score=0.5)
    Layout(folder).calibration.write_text("{")
    assert needed(folder, retriever) == pytest.approx(0.8, abs=0.03)
    with pytest.raises(Damaged, match="whatsit calibrate"):
        Retriever(folder, "e")


@pytest.mark.parametrize("text", ["[]", "{}", json.dumps({**dataclasses.asdict(KNOWN), "found": 3}), "\xff"])
def test_no_damaged_calibration_is_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(Damaged, match="whatsit calibrate"):
        Calibration.read(tmp_path / "c.json")


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert Calibration.read(tmp_path / "c.json") is None
    KNOWN.write(tmp_path / "c.json")
    assert Calibration.read(tmp_path / "c.json") == KNOWN
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
