"""What was committed before a search counts in it: additions, changes, deletions, new generations, crashes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whatsit_client.errors import Damaged

from whatsit.catalogue import Filter, Store
from whatsit.catalogue.index_view import LiveIndex
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.publish import COMPACT_BEYOND, compact_note, publish

PictureOf = Callable[..., Picture]
E = "embedder"

BRANDS = ("Arla", "Lipton", None)
FILTERS = [{}, {"brand": "Arla"}, {"brand": {"$ne": "Arla"}}, {"brand": "nobody"}, {"price": {"$lt": 3}}]
changes = st.lists(
    st.tuples(st.sampled_from(["put", "put", "put", "delete", "publish"]), st.integers(0, 9), st.integers(0, 99)),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=changes, after=changes)
@pytest.mark.slow
def test_a_search_with_any_filter_equals_a_plain_loop_over_the_final_catalogue(
    tmp_path_factory: pytest.TempPathFactory, picture_of: PictureOf, before: list, after: list
) -> None:
    folder = tmp_path_factory.mktemp("catalogue")
    state: dict[str, tuple[ItemFields, Picture]] = {}
    with Store(folder / "catalogue.sqlite") as store, Store(folder / "catalogue.sqlite", read_only=True) as reader:

        def apply(steps: list) -> None:
            for verb, name, variant in steps:
                id = f"item{name}"
                if verb == "publish":
                    publish(store, folder / "index", E)
                elif verb == "delete":
                    store.delete([id])
                    state.pop(id, None)
                else:
                    fields = ItemFields(id, brand=BRANDS[variant % 3], price=float(variant % 7))
                    state[id] = fields, picture_of(f"{id} {variant}", 1 + variant % 3)
                    store.put([(fields, [state[id][1]], E)])

        apply(before)
        publish(store, folder / "index", E)
        live = LiveIndex(folder / "index", reader, E)
        live.now()
        apply(after)
        query = picture_of("item3 5").vectors[0].values
        for where in map(Filter.parse, FILTERS):
            _, numbers = live.now().search(query[None], 20, reader.select(where))
            found = [record["id"] for record in reader.records(numbers[0]).values()]
            expected = sorted(
                (min(float(np.linalg.norm(v.values - query)) for v in picture.vectors), fields.id)
                for fields, picture in state.values()
                if where.matches({"brand": fields.brand, "price": fields.price})
            )
            assert found == [id for _, id in expected]


@pytest.fixture
def served(store: Store, picture_of: PictureOf, tmp_path: Path) -> tuple[Path, list[str]]:
    """A published index of three items, and where sentences for the operator go."""
    store.put([(ItemFields(i), [picture_of(i)], E) for i in "abc"])
    publish(store, tmp_path / "index", E)
    return tmp_path / "index", []


def ids(live: LiveIndex, store: Store, picture: Picture, k: int = 1) -> list[str]:
    _, numbers = live.now().search(np.stack([v.values for v in picture.vectors]), k)
    return [record["id"] for record in store.records(numbers[0]).values()]


def test_a_change_by_another_process_counts_at_the_very_next_search(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    with Store(store.path, read_only=True) as reader:
        live = LiveIndex(served[0], reader, E)
        store.put([(ItemFields("d"), [picture_of("d")], E), (ItemFields("a"), [picture_of("new a")], E)])
        assert ids(live, store, picture_of("d")) == ["d"]
        assert ids(live, store, picture_of("new a")) == ["a"]
        store.delete(["d", "b"])
        assert sorted(ids(live, store, picture_of("b"), 9)) == ["a", "c"]


def test_compacting_folds_the_changes_into_the_index_and_trims_the_log(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    live = LiveIndex(served[0], store, E)
    for i in range(5):
        store.put([(ItemFields(f"n{i}"), [picture_of(f"n{i}")], E)])
        assert ids(live, store, picture_of(f"n{i}")) == [f"n{i}"]
        assert live.now().delta_vectors == 1
        done = publish(store, served[0], E)
        assert done.generation.manifest.sequence == store.changes.position()
        assert store.changes.pending(done.generation.manifest.sequence) == 0
        assert live.now().delta_vectors == 0
        assert ids(live, store, picture_of(f"n{i}")) == [f"n{i}"]
    assert store.changes.pending(0) == 2  # what the two older generations on disk lack


def test_an_older_generation_that_is_put_back_catches_up(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    old = (served[0] / "CURRENT").read_text()
    store.put([(ItemFields("d"), [picture_of("d")], E)])
    live = LiveIndex(served[0], store, E)
    publish(store, served[0], E)
    store.delete(["a"])
    assert sorted(ids(live, store, picture_of("d"), 9)) == ["b", "c", "d"]
    (served[0] / "CURRENT").write_text(old)
    assert sorted(ids(live, store, picture_of("d"), 9)) == ["b", "c", "d"]
    assert live.now().generation.name == old.strip()


def test_a_new_generation_that_cannot_be_opened_leaves_the_old_one_and_the_changes_in_service(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    live = LiveIndex(served[0], store, E, served[1].append)
    before = live.now().generation.name
    store.put([(ItemFields("d"), [picture_of("d")], E)])
    broken = publish(store, served[0], E).generation
    shutil.rmtree(broken.folder)
    store.delete(["a"])
    for _ in range(3):
        assert sorted(ids(live, store, picture_of("d"), 9)) == ["b", "c", "d"]
    assert len(served[1]) == 1
    assert "old one stays in service" in served[1][0]
    publish(store, served[0], E)
    assert live.now().generation.name not in (broken.name, before)


def test_an_index_of_a_later_state_than_the_store_is_refused(
    store: Store, served: tuple[Path, list[str]], tmp_path: Path
) -> None:
    with (
        Store(tmp_path / "restored.sqlite") as restored,
        pytest.raises(Damaged, match="later state .*whatsit catalogue compact"),
    ):
        LiveIndex(served[0], restored, E)


def test_memory_is_bounded_and_deletions_count_even_then(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    live = LiveIndex(served[0], store, E, served[1].append, max_delta=10)
    for i in range(30):
        store.put([(ItemFields(f"n{i}"), [picture_of(f"n{i}")], E)])
        live.now()
    store.put([(ItemFields("a", "Renamed"), [picture_of("a")], E)])
    store.delete(["b", "n1"])
    assert live.now().delta_vectors <= 10
    found = ids(live, store, picture_of("a"), 50)
    assert found[0] == "a"
    assert not {"b", "n1"} & set(found)
    assert ["compact" in sentence for sentence in served[1]] == [True]
    publish(store, served[0], E)
    assert len(ids(live, store, picture_of("a"), 50)) == 31


def test_many_waiting_changes_suggest_compacting() -> None:
    assert compact_note(COMPACT_BEYOND) is None
    assert "whatsit catalogue compact" in (compact_note(COMPACT_BEYOND + 1) or "")


@pytest.mark.slow
def test_generations_change_under_load_without_a_failure_or_a_deleted_item(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    live = LiveIndex(served[0], store, E)
    query = picture_of("a").vectors[0].values[None]
    gone: set[int] = set()
    failures: list[BaseException | set[int]] = []
    stop = threading.Event()

    def search() -> None:
        try:
            while not stop.is_set():
                before = set(gone)
                found = set(live.now().search(query, 50)[1].ravel().tolist())
                if before & found or 1 not in found:
                    failures.append(found)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(40):
        store.put([(ItemFields(f"n{i}"), [picture_of(f"n{i}")], E)])
        number = store.show(f"n{i}")["number"]
        if i % 4 == 0:
            publish(store, served[0], E)
        store.delete([f"n{i}"])
        gone.add(number)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert live.now().generation.name.startswith("000011")


WRITER = """
import sys
from pathlib import Path
import numpy as np
from whatsit.catalogue import Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
store = Store(Path(sys.argv[1]))
for i in range(100_000):
    values = np.random.default_rng(i).normal(size=8).astype(np.float32)
    vector = Vector((0.0, 0.0, 1.0, 1.0), values / np.linalg.norm(values))
    store.put([(ItemFields(f"w{i}"), [Picture(f"w{i}", "0", (vector,))], "embedder")])
    if i % 3 == 0 and i:
        print("deleting", f"w{i - 1}", flush=True)
        store.delete([f"w{i - 1}"])
        print("deleted", f"w{i - 1}", flush=True)
    print("added", f"w{i}", flush=True)
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(
    store: Store, served: tuple[Path, list[str]], picture_of: PictureOf
) -> None:
    live = LiveIndex(served[0], store, E)
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(40)]
            time.sleep(0.05)
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.readlines()
        lines = [line.split() for line in told if line.endswith("\n")]
        deleted = {id for verb, id in lines if verb == "deleted"}
        # Killed between a deletion and its acknowledgement, the writer leaves an item that may be there or not.
        added = {id for verb, id in lines if verb == "added"} - {id for verb, id in lines if verb == "deleting"}
        assert len(added) > 10
        numbers = {record["id"] for record in store.page(limit=100_000)}
        assert added <= numbers
        found = set(ids(live, store, picture_of("a"), 100_000))
        assert added <= found
        assert not deleted & found
