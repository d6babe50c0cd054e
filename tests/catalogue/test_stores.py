"""SQLite with FAISS and Milvus keep and find the same: every test here runs on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.catalogue import Filter
from whatsit.catalogue.backends import open_store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.protocols import IndexView
from whatsit.catalogue.store.picture_metadata import PictureMetadata, Prediction, PrimaryDetection

if TYPE_CHECKING:
    from tests.catalogue.conftest import Engine

E = "embedder"
PictureOf = Callable[..., Picture]


def found(index: IndexView, engine: Engine, vector: Any, k: int = 10, where: dict[str, Any] | None = None) -> list[str]:
    """The ids that a search finds, nearest first."""
    searcher, allowed = (index.now(), None) if where is None else index.where(Filter.parse(where))
    numbers = searcher.search(np.atleast_2d(vector), k, allowed)[1][0]
    records = engine.items.records(numbers.tolist())
    return [records[number]["id"] for number in numbers.tolist() if number in records]


def test_what_is_put_is_found_and_shown(engine: Engine, picture_of: PictureOf) -> None:
    items = engine.items
    fields = ItemFields("milk", "Milk", "Arla", "drinks", 1.5, "http://x", {"fat": 3.5, "tags": ["a", {"b": None}]})
    pictures = [picture_of("m1", regions=3), picture_of("m2")]
    assert items.put([(fields, pictures, E), (ItemFields("tea"), [picture_of("t")], E)]) == ["added", "added"]
    assert items.fields("milk") == fields
    assert items.fields("none") is None
    shown = items.show("milk")
    assert [(one["path"], one["vectors"]) for one in shown["images"]] == [
        ("/pictures/m1.jpg", 3),
        ("/pictures/m2.jpg", 1),
    ]
    assert items.records([shown["number"], -1, 12345]) == {
        shown["number"]: {
            "id": "milk",
            "title": "Milk",
            "brand": "Arla",
            "category": "drinks",
            "image": "/pictures/m1.jpg",
            "price": 1.5,
            "url": "http://x",
            "attributes": {"fat": 3.5, "tags": ["a", {"b": None}]},
        }
    }
    for kept, given in zip(items.pictures("milk", E), pictures, strict=True):
        assert (kept.path, kept.sha256) == (given.path, given.sha256)
        assert [vector.box for vector in kept.vectors] == [vector.box for vector in given.vectors]
        for one, other in zip(kept.vectors, given.vectors, strict=True):
            np.testing.assert_array_equal(one.values, other.values)
    assert [len(one.vectors) for one in items.pictures("milk", "another")] == [0, 0]
    assert items.pictures("none", E) == ()
    with pytest.raises(InvalidInput, match="no item 'none'"):
        items.show("none")
    assert set(shown) == {
        *("number", "added", "updated", "merged_into", "predicted", "images"),
        *("id", "title", "brand", "category", "image", "price", "url", "attributes"),
    }

    index = engine.open_index_view(E)
    for vector in pictures[0].vectors:
        assert found(index, engine, vector.values) == ["milk", "tea"]  # once, though it has four vectors
    searcher = index.now()
    distances, numbers = searcher.search(pictures[1].vectors[0].values[None], 3)
    assert distances[0, 0] == pytest.approx(0, abs=1e-3)
    assert distances[0, 1] == pytest.approx(
        np.linalg.norm(picture_of("t").vectors[0].values - pictures[1].vectors[0].values), abs=1e-5
    )
    assert (numbers[0, 2], distances[0, 2]) == (-1, np.inf)
    assert searcher.contains(np.array([shown["number"], 12345])).tolist() == [True, False]
    query = pictures[0].vectors[2].values
    np.testing.assert_allclose(searcher.nearest_vectors(query, np.array([shown["number"]])), query[None], atol=1e-6)
    with pytest.raises(InvalidInput, match="no vector of item number 12345"):
        searcher.nearest_vectors(query, np.array([12345]))


def test_what_ingestion_notes_of_a_picture_is_kept(engine: Engine, picture_of: PictureOf) -> None:
    main, prediction = PrimaryDetection((1.0, 2.5, 3.0, 4.0), "cup", 0.1), Prediction("food", 0.3, "tea", 1 / 3)
    facts = PictureMetadata(bytes(range(16)), {"dhash": b"12345678"}, main, prediction, "/kept.jpg")
    noted, bare = replace(picture_of("a"), facts=facts), replace(picture_of("b"), facts=PictureMetadata(bytes(16)))
    engine.items.put([(ItemFields("a"), [noted, bare], E)])
    assert [picture.facts for picture in engine.items.pictures("a", E)] == [facts, bare.facts]


def test_every_change_counts_in_the_next_search(engine: Engine, picture_of: PictureOf) -> None:
    items = engine.items
    items.put([(ItemFields("a", "A"), [picture_of("a", regions=3)], E), (ItemFields("b"), [picture_of("b")], E)])
    index = engine.open_index_view(E)
    assert items.put([(ItemFields("c"), [picture_of("c")], E)]) == ["added"]
    assert found(index, engine, picture_of("c").vectors[0].values)[0] == "c"
    # Other vectors, and fewer of them; the old ones are not found any more.
    assert items.put([(ItemFields("a", "Renamed"), [picture_of("z")], E)]) == ["updated"]
    distances, numbers = index.now().search(picture_of("a", regions=3).vectors[2].values[None], 3)
    assert distances.min() > 0.1
    assert len(set(numbers[0].tolist())) == 3
    assert found(index, engine, picture_of("z").vectors[0].values)[0] == "a"
    assert items.fields("a") == ItemFields("a", "Renamed")
    assert items.delete(["a", "none", "b", "b"]) == ["none", "b"]
    assert found(index, engine, picture_of("z").vectors[0].values) == ["c"]
    assert items.pictures("a", E) == ()
    engine.publish()
    assert found(index, engine, picture_of("z").vectors[0].values) == ["c"]
    assert items.put([(ItemFields("a"), [picture_of("a")], E)]) == ["added"]
    assert found(index, engine, picture_of("a").vectors[0].values)[0] == "a"


def test_a_second_reader_sees_a_change_in_its_next_search(engine: Engine, picture_of: PictureOf) -> None:
    engine.items.put([(ItemFields("a"), [picture_of("a")], E)])
    engine.open_index_view(E)
    reader = engine.reader()
    index = reader.open_index_view(E)
    engine.items.put([(ItemFields("b"), [picture_of("b")], E)])
    assert found(index, reader, picture_of("b").vectors[0].values)[0] == "b"
    engine.items.delete(["b"])
    assert "b" not in found(index, reader, picture_of("b").vectors[0].values)


def test_an_empty_catalogue_finds_nothing_until_it_has_something(engine: Engine, picture_of: PictureOf) -> None:
    index = engine.open_index_view(E)
    query = picture_of("a").vectors[0].values
    assert found(index, engine, query) == []
    assert found(index, engine, query, where={"brand": "X"}) == []
    assert (engine.items.count(), engine.items.page(), engine.items.fingerprints()) == (0, [], [])
    assert engine.items.delete(["x"]) == ["x"]
    engine.items.put([(ItemFields("a"), [picture_of("a")], E)])
    assert found(index, engine, query) == ["a"]


def test_another_embedders_catalogue_is_refused(engine: Engine, picture_of: PictureOf) -> None:
    engine.items.put([(ItemFields("a"), [picture_of("a")], E)])
    engine.open_index_view(E)
    with pytest.raises(InvalidInput, match=f"made by the embedder {E} and this one is other"):
        engine.open_index_view("other")
    # Embedded anew, the vectors of the embedder before are gone.
    engine.items.put([(ItemFields("a"), [picture_of("a2")], "other")])
    engine.publish()
    assert engine.items.fingerprints() == ["other"]
    assert engine.items.vectors(E)[0].shape[0] == 0
    assert found(engine.open_index_view("other"), engine, picture_of("a2").vectors[0].values) == ["a"]
    with pytest.raises(InvalidInput, match="made by the embedder other"):
        engine.open_index_view(E)


def test_queries_of_another_length_are_refused(engine: Engine, picture_of: PictureOf) -> None:
    engine.items.put([(ItemFields("a"), [picture_of("a")], E)])
    index = engine.open_index_view(E)
    with pytest.raises(InvalidInput, match="takes queries"):
        index.now().search(np.ones((1, 5), np.float32), 1)
    with pytest.raises(InvalidInput, match="k is 1 or more"):
        index.now().search(np.ones((1, 8), np.float32), 0)


def test_unicode_and_awkward_texts_come_back_as_they_were(engine: Engine, picture_of: PictureOf) -> None:
    ids = ["ä/ö ü", "'; DROP TABLE items; --", 'q"uo\\te', "牛奶 🥛", "a" * 300, "{x}", "x\ny"]
    attributes = {"k.e y": "v\"'\\", "größe": "ö", "n": 2**62 + 1, "f": 0.1, "yes": True, "list": [1, None, "x"]}
    fields = [ItemFields(id, title=id + "!", brand="B'\"\\", attributes=attributes) for id in ids]
    engine.items.put([(one, [picture_of(one.id)], E) for one in fields])
    index = engine.open_index_view(E)
    for one in fields:
        assert engine.items.fields(one.id) == one
        where = {
            "id": one.id,
            "title": one.id + "!",
            "brand": "B'\"\\",
            "k.e y": "v\"'\\",
            "größe": "ö",
            "n": 2**62 + 1,
        }
        assert found(index, engine, picture_of("q").vectors[0].values, where=where) == [one.id]
        assert engine.items.count(Filter.parse(where)) == 1
    assert engine.items.delete(ids) == []
    assert engine.items.count() == 0


def test_a_duplicate_in_one_call_leaves_the_last(engine: Engine, picture_of: PictureOf) -> None:
    first, second = ItemFields("a", "first"), ItemFields("a", "second")
    outcomes = engine.items.put([(first, [picture_of("a", regions=2)], E), (second, [picture_of("b")], E)])
    assert outcomes == ["added", "updated"]
    assert engine.items.fields("a") == second
    assert len(engine.items.vectors(E)[0]) == 1


def test_an_error_among_the_changes_writes_none(engine: Engine, picture_of: PictureOf) -> None:
    def changes() -> Iterator[tuple[ItemFields, list[Picture], str]]:
        yield ItemFields("a"), [picture_of("a")], E
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        engine.items.put(changes())
    assert engine.items.count() == 0


def test_an_item_without_a_vector_is_kept_and_not_found(engine: Engine, picture_of: PictureOf) -> None:
    bare = Picture("/x.jpg", "0", ())
    engine.items.put([(ItemFields("a"), [], E), (ItemFields("b"), [bare], E), (ItemFields("c"), [picture_of("c")], E)])
    assert engine.items.count() == 3
    assert found(engine.open_index_view(E), engine, picture_of("c").vectors[0].values) == ["c"]
    assert [(one.path, one.vectors) for one in engine.items.pictures("b", E)] == [("/x.jpg", ())]


def test_a_large_batch_is_whole_and_a_search_reaches_past_many_vectors_of_one_item(engine: Engine) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(700, 8)).astype(np.float32)
    vectors[:200] = vectors[0] + 0.01 * vectors[:200]  # of one item, all nearest to the query
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def picture(rows: Any) -> Picture:
        return Picture("/p.jpg", "0", tuple(Vector((0.0, 0.0, 1.0, 1.0), row) for row in rows))

    changes = [(ItemFields("big"), [picture(vectors[:200])], E)]
    changes += [(ItemFields(f"i{i}", price=float(i)), [picture(vectors[i : i + 1])], E) for i in range(200, 700)]
    assert engine.items.put(changes) == ["added"] * 501
    assert engine.items.count() == 501
    kept, numbers = engine.items.vectors(E)
    assert len(kept) == len(numbers) == 700
    assert (np.diff(numbers) >= 0).all()
    owner = np.array(["big"] * 200 + [f"i{i}" for i in range(200, 700)])
    order = np.argsort(np.linalg.norm(vectors - vectors[0], axis=1))
    expected = list(dict.fromkeys(owner[order].tolist()))
    index = engine.open_index_view(E)
    assert found(index, engine, vectors[0], 12) == expected[:12]
    cheap = [id for id in expected if id != "big" and float(id[1:]) < 210]
    assert found(index, engine, vectors[0], 20, {"price": {"$lt": 210}}) == cheap
    some = np.sort(np.unique(numbers)[::3])
    searcher = index.now()
    allowed = searcher.search(vectors[:1], 2000, some)[1][0]
    assert set(allowed.tolist()) - {-1} == set(some.tolist())
    assert (searcher.search(vectors[:1], 5, some[:0])[1] == -1).all()


def test_pages_count_and_select_agree(engine: Engine, picture_of: PictureOf) -> None:
    engine.items.put([(ItemFields(f"i{i}", price=float(i)), [picture_of("x")], E) for i in range(10)])
    where = Filter.parse({"price": {"$gte": 4}})
    assert engine.items.count(where) == len(engine.items.select(where)) == 6
    pages = [engine.items.page(where, limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [len(page) for page in pages] == [4, 2, 0]
    assert {one["id"] for page in pages for one in page} == {f"i{i}" for i in range(4, 10)}


def test_reading_alone_changes_nothing(engine: Engine, picture_of: PictureOf) -> None:
    engine.items.put([(ItemFields("a"), [picture_of("a")], E)])
    reader = open_store(engine.folder, read_only=True)
    with pytest.raises(WhatsitError):
        reader.put([(ItemFields("b"), [picture_of("b")], E)])
    with pytest.raises(WhatsitError):
        reader.delete(["a"])
    assert reader.count() == 1
