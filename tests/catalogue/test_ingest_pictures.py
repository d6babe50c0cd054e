"""What ingestion notes of pictures: duplicates, hashes, predicted categories; and pictures from the web and shards."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Store
from whatsit.catalogue.ingest import Fetch, PictureAnalysis, Report, ingest
from whatsit.catalogue.ingest.ingest_run import BATCH_ROWS
from whatsit.catalogue.ingest.picture_analysis import Step, checked_steps
from whatsit.catalogue.ingest.prepare import Settings
from whatsit.catalogue.ingest.thread_executor import InThreads
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.sources import Row
from whatsit.catalogue.sources.picture_location import Image, WebImage, ZipImage
from whatsit.catalogue.store.picture_metadata import PictureMetadata, Prediction, PrimaryDetection
from whatsit.catalogue.web import Downloads

E = "test-embedder"
MAIN = PrimaryDetection((1.0, 2.0, 3.0, 4.0), "cup", 0.5)
PREDICTION = Prediction("home", 0.75, "kitchenware", 0.5)


class FakeLook:
    """Sees the same in every picture but for vector and hash; its hash is the first eight bytes."""

    def __init__(self) -> None:
        self.steps: list[frozenset[Step]] = []
        self.lock = threading.Lock()

    def __call__(self, data: bytes, steps: frozenset[Step]) -> PictureAnalysis:
        with self.lock:
            self.steps.append(steps)
        if data.startswith(b"bad"):
            raise InvalidInput("This is no picture.")
        values = np.zeros(4, dtype=np.float32)
        values[hashlib.sha256(data).digest()[0] % 4] = 1
        return PictureAnalysis(
            (Vector((0.0, 0.0, 9.0, 9.0), values),) if "embed" in steps else None,
            {"dhash": data[:8].ljust(8, b"\0")} if "hash" in steps else {},
            MAIN if "detect" in steps else None,
            PREDICTION if "categorise" in steps else None,
            (Vector((1.0, 1.0, 4.0, 4.0), values[::-1].copy(), 0.5),) if "objects" in steps else None,
        )


class FakeWeb(Downloads):
    """Pictures by their address."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        object.__setattr__(self, "files", files)
        object.__setattr__(self, "asked", [])

    def get(self, url: str) -> bytes:
        self.asked.append(url)  # type: ignore[attr-defined] # set above
        files: dict[str, bytes] = self.files  # type: ignore[attr-defined] # set above
        if url not in files:
            raise InvalidInput("the server answered 404 Not Found")
        return files[url]


@pytest.fixture
def look() -> FakeLook:
    return FakeLook()


def write(folder: Path, **files: bytes) -> list[Path]:
    for name, data in files.items():
        (folder / f"{name}.jpg").write_bytes(data)
    return [folder / f"{name}.jpg" for name in files]


def row(id: str, *images: Image, category: str | None = None) -> Row:
    return Row(ItemFields(id, category=category), images, f"row {id}")


def said(report: Report) -> tuple[list[str], list[str]]:
    return [one.reason for one in report.skipped], [one.reason for one in report.notes]


def test_the_same_file_twice_in_an_item_is_kept_once(store: Store, look: FakeLook, tmp_path: Path) -> None:
    a, b, c = write(tmp_path, a=b"picture", b=b"another", c=b"picture")
    report = ingest(store, [row("x", a, b, c)], InThreads(look), E)
    assert [Path(one.path) for one in store.pictures("x", E)] == [a, b]
    assert said(report)[0] == [f"{c}: it is the same file as the item's picture 1"]
    assert len(look.steps) == 2
    assert ingest(store, [row("x", a, b, c)], InThreads(look), E).unchanged == 1


def test_the_same_file_in_two_items_is_kept_and_noted(store: Store, look: FakeLook, tmp_path: Path) -> None:
    a, b = write(tmp_path, a=b"picture", b=b"picture")
    rows = [row("first", a), row("second", b), row("third", a)]
    report = ingest(store, rows, InThreads(look), E)
    assert report.added == 3
    twin = "is the same file as a picture of item 'first'"
    assert said(report) == ([], [f"{b} {twin}", f"{a} {twin}"])
    assert [one.place for one in report.notes] == ["row second", "row third"]
    assert store.pictures("second", E)[0].facts.md5 == hashlib.md5(b"picture").digest()
    assert ingest(store, rows, InThreads(look), E).notes == []


def test_nearly_the_same_pictures_of_an_item_are_kept_and_noted(store: Store, look: FakeLook, tmp_path: Path) -> None:
    a, b, c = write(tmp_path, a=b"\0\0\0\0\0\0\0\0-a", b=b"\0\x81\0\0\0\0\0\x10-b", c=b"\xff\0\0\0\0\0\0\0-c")
    report = ingest(store, [row("x", a, b, c)], InThreads(look), E)
    assert said(report) == ([], ["its picture 2 is nearly its picture 1 (3 bits differ)"])
    assert len(store.pictures("x", E)) == 3
    hashes = [(item, value) for item, _, value in store.facts.hashes("dhash")]
    assert hashes == [(1, b"\0" * 8), (1, b"\0\x81\0\0\0\0\0\x10"), (1, b"\xff" + b"\0" * 7)]


def test_only_items_without_a_category_get_a_predicted_one_beside_it(
    store: Store, look: FakeLook, tmp_path: Path
) -> None:
    a, b = write(tmp_path, a=b"one", b=b"two")
    ingest(store, [row("own", a, category="Cups"), row("none", b)], InThreads(look), E)
    assert [store.facts.prediction(number) for number in (1, 2)] == [None, PREDICTION]
    shown = store.show("none")
    assert (shown["category"], shown["predicted"]["tag"]) == (None, "kitchenware")
    assert (store.show("own")["category"], store.show("own")["predicted"]) == ("Cups", None)


def test_a_step_that_is_chosen_later_does_not_embed_again(store: Store, look: FakeLook, tmp_path: Path) -> None:
    (a,) = write(tmp_path, a=b"picture")
    ingest(store, [row("x", a)], InThreads(look), E, settings=Settings(frozenset()))
    assert look.steps == [{"embed"}]
    assert store.pictures("x", E)[0].facts == PictureMetadata(hashlib.md5(b"picture").digest())
    report = ingest(store, [row("x", a)], InThreads(look), E, settings=Settings(checked_steps(["detect", "hash"])))
    assert (report.updated, look.steps[1:]) == (1, [{"detect", "hash"}])
    facts = store.pictures("x", E)[0].facts
    assert (facts.main, facts.hashes, facts.prediction) == (MAIN, {"dhash": b"picture\0"}, None)
    assert ingest(store, [row("x", a)], InThreads(look), E, settings=Settings(frozenset())).unchanged == 1
    with pytest.raises(InvalidInput, match="no step 'dance'"):
        checked_steps(["dance"])


def test_pictures_from_the_web_are_named_by_their_address_and_fetched_once(store: Store, look: FakeLook) -> None:
    address = "https://shop.test/a.jpg"
    web = FakeWeb({address: b"picture"})
    rows = [row("x", WebImage(address)), row("gone", WebImage("https://shop.test/gone.jpg"))]
    report = ingest(store, rows, InThreads(look, 2), E, fetch=Fetch(web))
    assert said(report)[0] == ["https://shop.test/gone.jpg: the server answered 404 Not Found"]
    assert store.show("x")["image"] == address
    report = ingest(store, rows[:1], InThreads(look), E, fetch=Fetch(web))
    assert (report.unchanged, web.asked.count(address)) == (1, 1)  # type: ignore[attr-defined] # of the fake
    web.files[address] = b"another"  # type: ignore[attr-defined] # of the fake
    again = Settings(refetch=True)
    assert ingest(store, rows[:1], InThreads(look), E, fetch=Fetch(web), settings=again).updated == 1
    assert store.pictures("x", E)[0].sha256 == hashlib.sha256(b"another").hexdigest()


def test_slow_servers_are_waited_for_at_once(store: Store, look: FakeLook) -> None:
    """Two of two batches must be under way together, or the barrier never opens."""
    both = threading.Barrier(2, timeout=120)

    class Waiting(FakeWeb):
        def get(self, url: str) -> bytes:
            both.wait()
            return url.encode()

    rows = [row(str(i), WebImage(f"https://shop.test/{i}.jpg")) for i in range(2 * BATCH_ROWS)]
    assert ingest(store, rows, InThreads(look, 1), E, fetch=Fetch(Waiting({}))).added == 2 * BATCH_ROWS


def test_pictures_from_the_web_are_kept_where_that_is_asked_for(store: Store, look: FakeLook) -> None:
    address, folder = "https://shop.test/a.jpg", Layout(store.path.parent).pictures
    web = FakeWeb({address: b"\xff\xd8picture"})
    rows, keep = [row("x", WebImage(address))], Settings(keep=folder)
    ingest(store, rows, InThreads(look), E, fetch=Fetch(web))
    assert not folder.exists()
    for _ in range(2):
        ingest(store, rows, InThreads(look), E, fetch=Fetch(web), settings=keep)
    (kept,) = folder.iterdir()
    assert kept.read_bytes() == b"\xff\xd8picture"
    assert store.pictures("x", E)[0].facts.kept == kept.name
    assert store.show("x")["image"] == address
    web.files[address] = b"\xff\xd8another"  # type: ignore[attr-defined] # of the fake
    ingest(store, rows, InThreads(look), E, fetch=Fetch(web), settings=replace(keep, refetch=True))
    assert [one.read_bytes() for one in folder.iterdir()] == [b"\xff\xd8another"]


def test_a_catalogue_can_be_moved_with_the_pictures_that_it_keeps(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    own = here / "pictures" / f"{'a' * 32}.jpg"
    vector = Vector((0.0, 0.0, 1.0, 1.0), np.ones(1, dtype=np.float32))
    paths = [str(own), "/shop/b.jpg", "pictures/c.jpg", "https://shop.test/d.jpg"]
    with Store(here / "catalogue.sqlite") as store:
        store.put([(ItemFields("x"), [Picture(path, "0" * 64, (vector,)) for path in paths], E)])
        assert [one.path for one in store.pictures("x", E)] == paths
    here.rename(there)
    with Store(there / "catalogue.sqlite") as store:
        moved = str(there / "pictures" / own.name)
        assert [one.path for one in store.pictures("x", E)] == [moved, *paths[1:]]
        assert store.records([1])[1]["image"] == store.show("x")["images"][0]["path"] == moved


def test_pictures_of_a_copy_are_kept_as_long_as_the_item_has_them(store: Store, look: FakeLook, tmp_path: Path) -> None:
    folder = Layout(store.path.parent).pictures

    def add(data: bytes) -> Report:
        copy = tmp_path / "copy.zip"
        with zipfile.ZipFile(copy, "w") as archive:
            archive.writestr("a.jpg", data)
        rows = [row("x", ZipImage(copy, "a.jpg", "shop.xlsx"))]
        return ingest(store, rows, InThreads(look), E, settings=Settings(own=folder))

    assert add(b"\xff\xd8picture").added == 1
    (kept,) = folder.iterdir()
    assert store.pictures("x", E)[0].path == str(kept)
    assert add(b"\xff\xd8picture").unchanged == 1
    assert add(b"\xff\xd8another").updated == 1
    assert [one.read_bytes() for one in folder.iterdir()] == [b"\xff\xd8another"]


def test_objects_are_looked_for_once_and_for_every_later_picture(tmp_path: Path, look: FakeLook) -> None:
    first, second = write(tmp_path, **{"a.jpg": b"first", "b.jpg": b"second"})
    rows = [Row(ItemFields("a"), (first,), "1"), Row(ItemFields("b"), (second,), "2")]
    with Store(Layout(tmp_path).store) as store:
        ingest(store, rows[:1], InThreads(look), E)
        before = store.pictures("a", E)[0].vectors[0].values.tobytes()
        store.objects.keep(True)
        assert store.objects.lacking() == 1
        look.steps.clear()
        assert ingest(store, rows, InThreads(look), E).updated == 1
        assert sorted(look.steps, key=len) == [{"objects"}, {"embed", "hash", "categorise", "objects"}]
        (picture,) = store.pictures("a", E)
        assert picture.vectors[0].values.tobytes() == before  # not embedded anew
        assert [(one.score, one.box) for one in picture.vectors] == [(None, (0, 0, 9, 9)), (0.5, (1, 1, 4, 4))]
        assert (picture.facts.objects, store.objects.lacking()) == (1, 0)
        assert ingest(store, rows, InThreads(look), E).unchanged == 2
        store.objects.keep(False)
        assert [len(store.pictures(id, E)[0].vectors) for id in "ab"] == [1, 1]
        assert ingest(store, rows, InThreads(look), E).unchanged == 2


def test_views_are_no_result_that_a_picture_may_lack(tmp_path: Path, look: FakeLook) -> None:
    (first,) = write(tmp_path, **{"a.jpg": b"first"})
    rows = [Row(ItemFields("a"), (first,), "1")]
    with Store(Layout(tmp_path).store) as store:
        store.views.keep(True)
        ingest(store, rows, InThreads(look), E)
        assert ingest(store, rows, InThreads(look), E).unchanged == 1
        store.objects.keep(True)
        assert ingest(store, rows, InThreads(look), E).updated == 1
    assert look.steps == [{"embed", "hash", "categorise", "views"}, {"objects", "views"}]
