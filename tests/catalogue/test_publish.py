"""Publishing turns the store's vectors into the current index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue import Store
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.publish import publish
from whatsit.index import current, open_generation, sharding
from whatsit.index.index_budget import IndexBudget

PictureOf = Callable[..., Picture]


def test_every_item_is_found_by_each_of_its_vectors(store: Store, picture_of: PictureOf, tmp_path: Path) -> None:
    pictures = {str(i): picture_of(str(i), regions=1 + i % 3) for i in range(20)}
    store.put([(ItemFields(i), [picture], "e") for i, picture in pictures.items()])
    published = publish(store, tmp_path / "index", "e")
    assert published.notes == ()
    generation = open_generation(tmp_path / "index", "e")
    assert (generation.manifest.items, generation.manifest.vectors) == (20, sum(1 + i % 3 for i in range(20)))
    for id, picture in pictures.items():
        distances, numbers = generation.search(np.stack([v.values for v in picture.vectors]), 1)
        assert set(numbers[:, 0]) == {store.show(id)["number"]}
        assert distances.max() < 1e-3


def test_publishing_the_same_again_writes_nothing(store: Store, picture_of: PictureOf, tmp_path: Path) -> None:
    store.put([(ItemFields("a"), [picture_of("a")], "e")])
    first = publish(store, tmp_path / "index", "e").generation.name
    assert publish(store, tmp_path / "index").generation.name == first
    store.put([(ItemFields("b"), [picture_of("b")], "e")])
    assert publish(store, tmp_path / "index").generation.name != first
    assert current(tmp_path / "index") != first


def test_an_empty_catalogue_is_published_and_says_so(store: Store, tmp_path: Path) -> None:
    published = publish(store, tmp_path / "index", "e")
    assert "empty" in published.notes[0]
    distances, numbers = open_generation(tmp_path / "index", "e").search(np.ones((2, 8), dtype=np.float32), 3)
    assert (numbers == -1).all()
    assert np.isinf(distances).all()


def test_items_of_another_embedder_are_left_out_and_counted(
    store: Store, picture_of: PictureOf, tmp_path: Path
) -> None:
    store.put([(ItemFields("old"), [picture_of("old")], "e1"), (ItemFields("new"), [picture_of("new")], "e2")])
    published = publish(store, tmp_path / "index")
    assert published.generation.manifest.fingerprint == "e2"
    assert "1 of 2 items" in published.notes[0]
    with pytest.raises(InvalidInput, match="None of the 2 items"):
        publish(store, tmp_path / "index", "e3")


def test_shards_follow_the_categories_and_stay_so(
    store: Store, picture_of: PictureOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding.divide, "__defaults__", (None, "auto", 3, 0))
    categories = ["shoe"] * 5 + ["cup"] * 4 + ["rare", None]
    store.put([(ItemFields(str(i), category=name), [picture_of(str(i))], "e") for i, name in enumerate(categories)])
    first = publish(store, tmp_path / "index", budget=IndexBudget(sharding="category")).generation
    assert [(shard["name"], shard["rows"]) for shard in first.manifest.shards] == [
        ("shoe", 5),
        ("cup", 4),
        ("generic", 2),
    ]
    shoes = {store.show(str(i))["number"] for i in range(5)}
    assert set(first.shards[0].items.tolist()) == shoes
    store.put([(ItemFields("new", category="cup"), [picture_of("new")], "e")])
    second = publish(store, tmp_path / "index").generation
    assert [shard["rows"] for shard in second.manifest.shards] == [5, 5, 2]


def test_budgets_that_cannot_be_met_are_among_the_notes(store: Store, picture_of: PictureOf, tmp_path: Path) -> None:
    store.put([(ItemFields(str(i)), [picture_of(str(i))], "e") for i in range(30)])
    published = publish(store, tmp_path / "index", budget=IndexBudget(max_memory=10))
    assert published.notes[0].startswith("No index met")
    assert published.generation.manifest.measured["recall"] > 0.9


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError("1718772 requested and 413568 written"),  # of numpy
        RuntimeError("Error in faiss::FileIOWriter: write error in x: 3 != 9 (No space left on device)"),
    ],
)
def test_a_full_disk_is_one_sentence_and_the_index_before_stays(
    store: Store, picture_of: PictureOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    store.put([(ItemFields("a"), [picture_of("a")], "e")])
    before = publish(store, tmp_path / "index").generation.name
    store.put([(ItemFields("b"), [picture_of("b")], "e")])

    def fail(folder: Path, *_: object) -> None:
        (folder / "half").write_bytes(b"half of it")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("whatsit.index.generation_writer._write_files", fail)
        with pytest.raises(Unavailable, match="make room on its disk"):
            publish(store, tmp_path / "index")
    assert [path.name for path in (tmp_path / "index" / "generations").iterdir()] == [before]
    assert publish(store, tmp_path / "index").generation.manifest.items == 2
