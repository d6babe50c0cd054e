"""Ingestion finishes whatever is in the files, loses nothing that it accepted, and does no work twice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue import Filter, Store
from whatsit.catalogue.ingest import BATCH_ITEMS, PictureAnalysis, Report, ingest
from whatsit.catalogue.ingest.ingest_run import BATCH_ROWS
from whatsit.catalogue.ingest.picture_analysis import Step
from whatsit.catalogue.ingest.thread_executor import InThreads
from whatsit.catalogue.item import ItemFields, Vector
from whatsit.catalogue.sources import Row, Skipped
from whatsit.vision.decode import MAX_BYTES

VectorOf = Callable[[bytes], npt.NDArray[np.float32]]
E = "test-embedder"


class FakeEmbedder:
    """Two regions for every picture; refuses what begins with `bad`; counts its calls."""

    def __init__(self, vector_of: VectorOf) -> None:
        self.vector_of = vector_of
        self.calls = 0
        self.lock = threading.Lock()

    def __call__(self, data: bytes, steps: frozenset[Step]) -> PictureAnalysis:
        if "embed" in steps:
            with self.lock:
                self.calls += 1
        if data.startswith(b"bad") or not data:
            raise InvalidInput("This is no picture.")
        whole, part = Vector((0.0, 0.0, 9.0, 9.0), self.vector_of(data)), self.vector_of(data + b"2")
        hashes = {"dhash": hashlib.md5(data).digest()[:8]} if "hash" in steps else {}
        return PictureAnalysis((whole, Vector((1.0, 1.0, 5.0, 5.0), part)) if "embed" in steps else None, hashes)


@pytest.fixture
def embed(vector_of: VectorOf) -> FakeEmbedder:
    return FakeEmbedder(vector_of)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    made = []
    for i in range(100):
        (tmp_path / f"{i}.jpg").write_bytes(f"picture {i}".encode())
        made.append(Row(ItemFields(f"{i:03}", f"Item {i}"), (tmp_path / f"{i}.jpg",), f"line {i}"))
    return made


@pytest.mark.parametrize("workers", [1, 4])
def test_every_row_is_in_the_store_in_its_order(
    store: Store, rows: list[Row], embed: FakeEmbedder, workers: int
) -> None:
    seen: list[int] = []
    report = ingest(store, rows, InThreads(embed, workers), E, progress=lambda done, _: seen.append(done))
    assert (report.added, report.updated, report.unchanged, report.skipped) == (100, 0, 0, [])
    assert [record["id"] for record in store.page(limit=200)] == [row.fields.id for row in rows]
    assert seen == list(range(1, 101))
    values, numbers = store.vectors(E)
    assert numbers.tolist() == np.repeat(np.arange(1, 101), 2).tolist()
    np.testing.assert_array_equal(values[2], embed.vector_of(b"picture 1"))


def test_doing_it_again_embeds_nothing(store: Store, rows: list[Row], embed: FakeEmbedder) -> None:
    ingest(store, rows, InThreads(embed), E)
    before, updated = store.vectors(E), store.show("007")["updated"]
    report = ingest(store, rows, InThreads(embed), E)
    assert (report.added, report.updated, report.unchanged, embed.calls) == (0, 0, 100, 100)
    assert store.show("007")["updated"] == updated
    np.testing.assert_array_equal(store.vectors(E)[0], before[0])


def test_new_words_update_an_item_without_embedding_it(store: Store, rows: list[Row], embed: FakeEmbedder) -> None:
    ingest(store, rows[:3], InThreads(embed), E)
    report = ingest(store, [Row(ItemFields("001", "New"), rows[1].images, "")], InThreads(embed), E)
    assert (report.updated, embed.calls) == (1, 3)
    assert store.show("001")["title"] == "New"
    assert len(store.vectors(E)[0]) == 6


def test_a_new_picture_under_the_same_name_is_embedded(store: Store, rows: list[Row], embed: FakeEmbedder) -> None:
    ingest(store, rows[:3], InThreads(embed), E)
    rows[1].images[0].write_bytes(b"another picture")
    assert ingest(store, rows[:3], InThreads(embed), E).updated == 1
    assert embed.calls == 4
    np.testing.assert_array_equal(store.vectors(E)[0][2], embed.vector_of(b"another picture"))


def test_another_embedder_embeds_everything_again(store: Store, rows: list[Row], embed: FakeEmbedder) -> None:
    ingest(store, rows[:3], InThreads(embed), "old")
    assert ingest(store, rows[:3], InThreads(embed), "new").updated == 3
    assert (len(store.vectors("old")[0]), len(store.vectors("new")[0])) == (0, 6)


def test_bad_rows_and_pictures_are_reported_and_the_job_finishes(
    store: Store, rows: list[Row], embed: FakeEmbedder, tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(MAX_BYTES * 50)
    mixed = [
        rows[0],
        Skipped("line 2", "it is not UTF-8"),
        *(Row(ItemFields(name), (tmp_path / f"{name}.jpg",), name) for name in ("bad", "empty", "gone")),
        Row(ItemFields("half"), (tmp_path / "bad.jpg", tmp_path / "5.jpg"), "line 6"),
        Row(ItemFields("folder"), (tmp_path,), "line 7"),
        Row(ItemFields("000", "again"), (tmp_path / "7.jpg",), "line 8"),
        rows[1],
    ]
    report = ingest(store, mixed, InThreads(embed, 3), E)
    assert [record["id"] for record in store.page()] == ["000", "half", "001"]
    assert store.show("000")["title"] == "Item 0"
    assert store.show("half")["image"].endswith("5.jpg")
    assert [one.place for one in report.skipped] == ["line 2", "bad", "empty", "gone", "line 6", "line 7", "line 8"]
    reasons = [one.reason for one in report.skipped]
    assert reasons[1].endswith("bad.jpg: This is no picture")
    assert "no such picture" in reasons[3]
    assert "already that of line 0" in reasons[6]
    assert report.to_record()["skipped"][0] == {"place": "line 2", "reason": "it is not UTF-8"}


def test_at_most_one_byte_too_many_of_a_huge_file_is_read(store: Store, tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(MAX_BYTES * 2)
    sizes: list[int] = []

    def refuse(data: bytes, steps: frozenset[Step]) -> PictureAnalysis:
        sizes.append(len(data))
        raise InvalidInput("Too large.")

    ingest(store, [Row(ItemFields("huge"), (tmp_path / "huge.jpg",), "")], InThreads(refuse), E)
    assert sizes == [MAX_BYTES + 1]


def test_a_picture_that_went_bad_does_not_cost_the_item_that_was_accepted(
    store: Store, rows: list[Row], embed: FakeEmbedder
) -> None:
    ingest(store, rows[:1], InThreads(embed), E)
    rows[0].images[0].write_bytes(b"bad")
    assert len(ingest(store, rows[:1], InThreads(embed), E).skipped) == 1
    assert store.count() == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, Unavailable, RuntimeError])
def test_an_interrupted_run_keeps_what_was_done_and_is_resumed(
    store: Store, rows: list[Row], embed: FakeEmbedder, stop: type[BaseException]
) -> None:
    def until_the_end(done: int, _: Report) -> None:
        if done == 50:
            raise stop("interrupted")

    with pytest.raises(stop):
        ingest(store, rows, InThreads(embed, 2), E, progress=until_the_end)
    assert store.count() == 50
    report = ingest(store, rows, InThreads(embed), E)
    assert (report.added, report.unchanged) == (50, 50)
    assert embed.calls <= 100 + 6 * BATCH_ROWS  # what was in the threads may be embedded twice


def test_what_a_sudden_end_can_cost_is_one_batch(store: Store, rows: list[Row], embed: FakeEmbedder) -> None:
    counts: list[int] = []

    def count(done: int, _: Report) -> None:
        with Store(store.path, read_only=True) as reader:
            counts.append(done - reader.count(Filter.parse({})))

    ingest(store, rows, InThreads(embed), E, progress=count)
    assert max(counts) < BATCH_ITEMS


def test_a_picture_in_which_nothing_is_found_is_skipped(store: Store, rows: list[Row]) -> None:
    assert len(ingest(store, rows[:1], InThreads(lambda data, steps: PictureAnalysis(())), E).skipped) == 1
    nan = np.full(8, np.nan, dtype=np.float32)
    assert (
        len(
            ingest(
                store, rows[:1], InThreads(lambda data, steps: PictureAnalysis((Vector((0.0, 0.0, 1.0, 1.0), nan),))), E
            ).skipped
        )
        == 1
    )
    assert store.count() == 0
