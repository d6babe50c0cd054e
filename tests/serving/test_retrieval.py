"""The retrieval step without Triton: what it does when the catalogue under it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.index import write_generation
from whatsit.search.retriever import Retriever
from whatsit.serving.request_options import Options
from whatsit.serving.steps.retrieval import parse_nprobe

EMBEDDER = "embedder-a"
WHOLE = np.ones(1, dtype=np.float32)


def unit(axis: int) -> np.ndarray:
    vector = np.zeros(128, dtype=np.float32)
    vector[axis] = 1
    return vector


def put(store: Store, item: str, axis: int) -> None:
    picture = Picture(f"{item}.jpg", item, (Vector((0, 0, 9, 9), unit(axis)),))
    store.put([(ItemFields(item, title=item.title()), [picture], EMBEDDER)])


def found(retriever: Retriever, axis: int, **options: object) -> list[str]:
    retrieved = retriever(unit(axis)[None], WHOLE, Options.from_parameters(options))
    return [str(retrieved.records[int(number)]["id"]) for number in retrieved.regions[0].numbers]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    with Store(layout.store) as store:
        put(store, "apple", 1)
        put(store, "pear", 2)
        publish(store, layout.index, EMBEDDER)
    return layout


def test_an_empty_catalogue_is_served_and_finds_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with Store(layout.store) as store:
        publish(store, layout.index, EMBEDDER)
    retrieved = Retriever(tmp_path, EMBEDDER)(np.stack([unit(0), unit(1)]), np.ones(2, np.float32), Options())
    assert [len(matches) for matches in retrieved.regions] == [0, 0]
    assert not retrieved.answer.found


def test_a_new_generation_is_taken_up_at_the_next_call(layout: Layout) -> None:
    retriever = Retriever(layout.folder, EMBEDDER)
    assert found(retriever, 3) == []
    with Store(layout.store) as store:
        put(store, "plum", 3)
        publish(store, layout.index, EMBEDDER)
    assert found(retriever, 3) == ["plum"]


def test_a_deleted_item_is_gone_at_once(layout: Layout) -> None:
    retriever = Retriever(layout.folder, EMBEDDER)
    assert found(retriever, 1) == ["apple"]
    with Store(layout.store) as store:
        store.delete(["apple"])
    assert found(retriever, 1) == []


def test_a_generation_of_another_embedder_leaves_the_old_one_in_service(layout: Layout) -> None:
    retriever = Retriever(layout.folder, EMBEDDER)
    write_generation(layout.index, unit(1)[None], np.array([2]), "embedder-b")
    assert found(retriever, 1) == ["apple"]


def test_the_answer_needs_a_better_match_than_the_list(layout: Layout) -> None:
    retriever = Retriever(layout.folder, EMBEDDER, min_score=0.5)
    between = (unit(1) + unit(7) + unit(8) + unit(9)) / 2  # score 1.0
    retrieved = retriever(between[None], WHOLE, Options())
    assert len(retrieved.regions[0]) == 2
    assert (retrieved.answer.found, retrieved.answer.closest[0]) == (False, "apple")
    assert retriever(unit(1)[None], WHOLE, Options()).answer.found


def test_the_parameter_shards_is_a_number_all_or_auto() -> None:
    assert [parse_nprobe(text) for text in ("auto", "all", "3")] == [None, 0, 3]
    for wrong in ("0", "-1", "many", "2.5", ""):
        with pytest.raises(InvalidInput, match="shards"):
            parse_nprobe(wrong)
