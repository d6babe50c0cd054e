"""The operations of the model `catalogue`, in this process: what they promise and what they refuse."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.backends import open_store, set_store_url
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.search.retriever import Retriever
from whatsit.serving.environment import CATALOGUE_VARIABLE, READ_ONLY_VARIABLE
from whatsit.serving.request_options import Options
from whatsit.serving.steps.catalogue import ChangeCatalogue, ServedCatalogue

NETWORKS = default_root() / "model_repository"
FINGERPRINT = embedder_fingerprint(NETWORKS / "embedder" / "1" / "model.onnx")


@pytest.fixture
def folder(catalogue: Path, tmp_path: Path) -> Path:
    """A catalogue of its own for each test."""
    return Path(shutil.copytree(catalogue, tmp_path / "copy"))


@pytest.fixture
def changing(folder: Path) -> ServedCatalogue:
    return ServedCatalogue(folder, NETWORKS, 128)


def unit(seed: int, rows: int = 1) -> list[list[float]]:
    vectors = np.random.default_rng(seed).normal(size=(rows, 128))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).tolist()


def found(folder: Path, changing: ServedCatalogue, vector: list[float], **options: Any) -> list[str]:
    retriever = Retriever(folder, FINGERPRINT, min_score=0.0, stages="none")
    retrieved = retriever(np.array([vector], dtype=np.float32), np.ones(1, np.float32), Options(**options))
    return [retrieved.records[int(number)]["id"] for number in retrieved.regions[0].numbers]


def test_a_picture_is_kept_embedded_and_found_until_it_is_deleted(
    folder: Path, changing: ServedCatalogue, shop: Path
) -> None:
    first, second = (path.read_bytes() for path in sorted((shop / "scenes").glob("*.jpg"))[:2])
    text = json.dumps({"id": "new", "title": "A scene", "price": 3, "attributes": {"colour": "red"}})
    done = changing.upsert(text, first)
    assert (done["id"], done["outcome"]) == ("new", "added")
    assert done["vectors"] >= 1
    got = changing.get('{"id": "new"}')
    assert (got["item"]["title"], got["item"]["attributes"]) == ("A scene", {"colour": "red"})
    assert Path(got["item"]["image"]).read_bytes() == first
    with Store(Layout(folder).store, read_only=True) as store:
        vector = store.pictures("new", FINGERPRINT)[0].vectors[0].values
    assert found(folder, changing, vector.tolist())[0] == "new"

    assert changing.upsert('{"id": "new", "title": "Renamed"}', None)["outcome"] == "updated"
    assert changing.get('{"id": "new"}')["item"]["title"] == "Renamed"
    changing.upsert('{"id": "new", "price": 0.5, "brand": "Arla"}', None)  # all else stays
    item = changing.get('{"id": "new"}')["item"]
    assert (item["title"], item["brand"], item["price"]) == ("Renamed", "Arla", 0.5)
    assert item["attributes"] == {"colour": "red"}
    changing.upsert('{"id": "new", "price": null, "attributes": {"size": 3}}', None)
    item = changing.get('{"id": "new"}')["item"]
    assert (item["title"], item["price"], item["attributes"]) == ("Renamed", None, {"size": 3})
    assert found(folder, changing, vector.tolist())[0] == "new"
    changing.upsert('{"id": "new"}', second)
    assert [path.read_bytes() for path in Layout(folder).pictures.iterdir()] == [second]
    assert changing.delete('{"ids": ["new", "nobody"]}') == {"deleted": 1, "unknown": ["nobody"]}
    assert "new" not in found(folder, changing, vector.tolist(), top_k=100)
    with pytest.raises(InvalidInput, match="has no item 'new'"):
        changing.get('{"id": "new"}')
    with Store(Layout(folder).store) as store:  # kept for a while
        assert store.deleted.restore(["new"]) == ["new"]
        assert found(folder, changing, vector.tolist(), top_k=100)
        store.delete(["new"])
        store.delete(["new"], forever=True)
    assert not list(Layout(folder).pictures.iterdir())


def test_a_sent_picture_is_searched_for_objects_and_is_a_scene(
    folder: Path, changing: ServedCatalogue, shop: Path
) -> None:
    truth = json.loads((shop / "scenes" / "truth.json").read_text())[0]
    scene, (shown, *_) = (shop / "scenes" / truth["image"]).read_bytes(), truth["product_ids"]
    assert changing.scenes(json.dumps({"id": shown})) == {"scenes": [], "objects": False}
    with Store(Layout(folder).store) as store:
        store.objects.keep(True)
    assert changing.upsert('{"id": "scene"}', scene)["vectors"] > 2
    found = changing.scenes(json.dumps({"id": shown, "limit": 5}))
    assert [one["item"]["id"] for one in found["scenes"]] == ["scene"]
    x1, y1, x2, y2 = found["scenes"][0]["box"]
    assert 0 <= x1 < x2 <= found["scenes"][0]["size"][0]
    assert 0 <= y1 < y2 <= found["scenes"][0]["size"][1]
    assert changing.scenes('{"id": "scene"}')["scenes"] == []
    alike = [one["item"]["id"] for one in changing.similar(json.dumps({"id": shown, "limit": 3}))["items"]]
    assert len(alike) == 3
    assert shown not in alike
    for text in ('{"id": "nobody"}', '{"id": "scene", "limit": 0}', '{"id": "scene", "limit": "3"}', "{}"):
        with pytest.raises(InvalidInput):
            changing.similar(text)


def test_vectors_in_place_of_a_picture(folder: Path, changing: ServedCatalogue) -> None:
    vectors = unit(1, 2)
    item = {"id": "v", "image": "https://shop.test/v.jpg", "vectors": vectors, "brand": "Own"}
    assert changing.upsert(json.dumps(item), None) == {"id": "v", "outcome": "added", "vectors": 2}
    assert changing.get('{"id": "v"}')["item"]["image"] == "https://shop.test/v.jpg"
    assert [found(folder, changing, vector, top_k=1) for vector in vectors] == [["v"], ["v"]]
    changing.upsert(json.dumps({**item, "vectors": unit(2)}), None)
    assert found(folder, changing, unit(2)[0], top_k=1) == ["v"]


def test_stats_count_what_waits_for_compacting(changing: ServedCatalogue, shop: Path) -> None:
    before = changing.stats()
    assert (before["items"], before["items_indexed"], before["pending"]) == (40, 40, 0)
    changing.upsert(json.dumps({"id": "v", "vectors": unit(1)}), None)
    changing.upsert(json.dumps({"id": "v", "vectors": unit(2)}), None)
    after = changing.stats()
    assert (after["items"], after["items_indexed"], after["pending"], after["notes"]) == (41, 40, 1, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "must be a JSON object"),
        ("{", "is not JSON"),
        ('{"title": "x"}', "needs a non-empty id"),
        ('{"id": 7}', "id of the item must be text"),
        ('{"id": "x", "colour": "red"}', "unknown field 'colour'.*attributes"),
        ('{"id": "x", "price": "3"}', "price of the item must be a number"),
        ('{"id": "x", "price": -3}', "price .* 0 or more"),
        ('{"id": "x", "price": NaN}', "price .* 0 or more"),
        ('{"id": "x", "price": 1' + "0" * 400 + "}", "beyond all measure"),
        ('{"id": "x", "attributes": []}', "attributes .* object"),
        ('{"id": "x", "attributes": ' + '{"a":' * 3000 + "1" + "}" * 3001, "nested|is not JSON"),
        ('{"id": "x", "attributes": ' + '{"a":' * 33 + "1" + "}" * 34, "nested at most 32"),
        ('{"id": "x"}', "has no picture yet"),
        ('{"id": "x", "vectors": [[1, 2]]}', "lists of 128 numbers"),
        (json.dumps({"id": "x", "vectors": [[1.0] * 128]}), "each of length 1"),
        (json.dumps({"id": "x", "vectors": [[float("nan")] * 128]}), "each of length 1"),
        ('{"id": "x", "vectors": []}', "1 to 32 lists"),
        ('{"id": "x", "vectors": [["a"]]}', "lists of 128 numbers"),
        ('{"id": "' + "x" * 1_000_001 + '"}', "longer than"),
    ],
)
def test_a_bad_item_is_refused_in_one_sentence_and_changes_nothing(
    changing: ServedCatalogue, text: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as error:
        changing.upsert(text, None)
    assert "\n" not in str(error.value)
    assert changing.stats()["pending"] == 0


@pytest.mark.parametrize("image", [b"", b"this is no picture", b"\xff\xd8\xff\xe0 cut off"])
def test_a_bad_picture_is_refused_and_nothing_is_left_of_it(
    folder: Path, changing: ServedCatalogue, image: bytes
) -> None:
    with pytest.raises(InvalidInput):
        changing.upsert('{"id": "x"}', image)
    with pytest.raises(InvalidInput, match="not with both"):
        changing.upsert(json.dumps({"id": "x", "vectors": unit(1)}), image)
    assert not Layout(folder).pictures.exists()
    assert changing.stats()["pending"] == 0


@pytest.mark.parametrize("text", ["{}", '{"id": 3}', '{"ids": []}', '{"ids": "x"}', '{"ids": [null]}', '{"id": ""}'])
def test_an_operation_on_nothing_is_refused(changing: ServedCatalogue, text: str) -> None:
    for operation in (changing.delete, changing.get):
        with pytest.raises(InvalidInput, match="ITEM must name"):
            operation(text)


def test_a_read_only_server_refuses_changes_and_shows_items(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(folder))
    monkeypatch.setenv(READ_ONLY_VARIABLE, "1")
    repository = str(NETWORKS / "catalogue")
    model = ChangeCatalogue({"model_directory": repository, "networks": "..", "dimension": "128"})

    def ask(operation: bytes, item: bytes) -> Any:
        inputs = {"OPERATION": np.array([operation], object), "ITEM": np.array([item], object)}
        return json.loads(model(inputs, Options(), frozenset({"RESULT"}))["RESULT"][0])

    assert ask(b"stats", b"{}")["read_only"] is True
    with Store(Layout(folder).store, read_only=True) as store:
        known = store.page(limit=1)[0]
    id = json.dumps({"id": known["id"]}).encode()
    assert ask(b"get", id)["item"] == known
    for operation in (b"upsert", b"delete"):
        with pytest.raises(InvalidInput, match="started read-only"):
            ask(operation, id)
    with pytest.raises(InvalidInput, match="no operation 'drop'"):
        ask(b"drop", id)
    with pytest.raises(InvalidInput, match="UTF-8"):
        ask(b"get", b"\xff")


def test_a_catalogue_in_milvus_answers_get_and_refuses_feedback(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite", reason="the extra 'milvus' is not installed")
    set_store_url(tmp_path, f"milvus://{tmp_path}/items.db")
    picture = Picture("/m.jpg", "0", (Vector((0.0, 0.0, 1.0, 1.0), np.array(unit(1)[0], np.float32)),))
    with closing(open_store(tmp_path)) as store:
        store.put([(ItemFields("m", "Milk"), [picture], "embedder")])
        served = ServedCatalogue(tmp_path, NETWORKS, 128)
        got = served.get('{"id": "m"}')
        with pytest.raises(InvalidInput, match="feedback is kept by embedded catalogues alone"):
            served.feedback('{"id": "m"}', b"")
    assert (got["item"]["title"], got["predicted"], got["merged_into"], len(got["images"])) == ("Milk", None, None, 1)
