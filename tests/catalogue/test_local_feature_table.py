"""Local features in a catalogue: asked for once, taken for every picture from then on, published and followed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from whatsit.catalogue.index_view import LiveIndex
from whatsit.catalogue.ingest import PictureAnalysis, ingest
from whatsit.catalogue.ingest.thread_executor import InThreads
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.catalogue.sources.source_row import Row
from whatsit.catalogue.store.local_feature_table import local_features
from whatsit.catalogue.store.store import Store


def label(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    page = np.full((240, 200, 3), 250, dtype=np.uint8)
    for line in range(7):
        word = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ0123456789"), size=8))
        cv2.putText(page, word, (8, 30 + 32 * line), cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.7, 1.0), (0, 0, 60), 2)
    return bytes(cv2.imencode(".png", page)[1].tobytes())


def unit(data: bytes) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    made = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        path.write_bytes(label(i))
        made.append(Row(ItemFields(f"item {i}"), (path,), str(path)))
    return made


def add(store: Store, rows: list[Row]) -> None:
    ingest(
        store, rows, InThreads(lambda data, steps: PictureAnalysis((Vector((0.0, 0.0, 1.0, 1.0), unit(data)),))), "e"
    )


def kept(store: Store) -> list[bytes]:
    return [features.to_bytes() for _, features in store.local.pictures()]


def test_nothing_is_taken_before_it_is_asked_for(store: Store, rows: list[Row], tmp_path: Path) -> None:
    add(store, rows)
    published = publish(store, tmp_path / "index")
    assert kept(store) == []
    assert published.generation.words is None


def test_asking_takes_them_for_what_is_there_and_for_what_comes(store: Store, rows: list[Row], tmp_path: Path) -> None:
    add(store, rows[:3])
    steps: list[tuple[str, int, int]] = []
    published = publish(store, tmp_path / "index", geometry=True, progress=lambda *step: steps.append(step))
    assert [step for step in steps if step[0] == "Local features"] == [("Local features", n, 3) for n in (1, 2, 3)]
    assert published.generation.manifest.pictures == 3
    add(store, rows)
    assert kept(store) == [local_features(label(i)) for i in range(5)]
    assert publish(store, tmp_path / "index").generation.manifest.pictures == 5
    assert publish(store, tmp_path / "index", geometry=False).generation.words is None
    assert kept(store) == []


def test_a_picture_that_is_gone_is_left_out_and_said(store: Store, rows: list[Row], tmp_path: Path) -> None:
    add(store, rows)
    rows[2].images[0].unlink()
    published = publish(store, tmp_path / "index", geometry=True)
    assert published.generation.manifest.pictures == 4
    assert "1 pictures could not be read" in published.notes[0]


def test_changed_items_are_found_by_their_print_at_once(store: Store, rows: list[Row], tmp_path: Path) -> None:
    add(store, rows[:3])
    publish(store, tmp_path / "index", geometry=True)
    index = LiveIndex(tmp_path / "index", store, "e")
    add(store, rows)
    data = label(4)
    picture = Picture("x.png", "x", (Vector((0.0, 0.0, 1.0, 1.0), unit(data)),), local_features(data))
    store.put([(ItemFields("item 0"), [picture], "e")])
    store.delete(["item 1"])
    words = index.now().words
    assert words is not None
    number = {row.fields.id: store.show(row.fields.id)["number"] for row in rows if row.fields.id != "item 1"}
    by_item = dict(store.local.pictures())
    found = words.look(by_item[number["item 4"]]).items(10).tolist()
    assert set(found[:2]) == {number["item 0"], number["item 4"]}
    assert words.look(by_item[number["item 2"]]).items(1).tolist() == [number["item 2"]]
    assert 2 not in found  # item 1


def test_fields_alone_change_without_losing_the_print(store: Store, rows: list[Row]) -> None:
    store.local.keep(True)
    add(store, rows[:1])
    before = kept(store)
    store.put([(ItemFields("item 0", title="new"), store.pictures("item 0", "e"), "e")])
    assert kept(store) == before != []
