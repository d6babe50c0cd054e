"""A generation is there wholly or not at all, and what is wrong with one is said in a sentence."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.index import current, open_generation, write_generation
from whatsit.index.generation_writer import oldest_sequence
from whatsit.index.index_budget import IndexBudget
from whatsit.index.manifest import MANIFEST
from whatsit.index.shard import Floats


def vectors_of(rows: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_generations_are_numbered_and_the_last_one_is_current(tmp_path: Path) -> None:
    assert current(tmp_path) is None
    names = [write_generation(tmp_path, vectors_of(n), np.arange(n), "e").name for n in (1, 2, 3, 4)]
    assert [name.split("-")[0] for name in names] == ["000001", "000002", "000003", "000004"]
    assert current(tmp_path) == names[-1]
    assert sorted(os.listdir(tmp_path / "generations")) == names[1:]
    manifest = json.loads((tmp_path / "generations" / names[-1] / "manifest.json").read_text())
    assert (manifest["fingerprint"], manifest["dimension"], manifest["vectors"]) == ("e", 8, 4)


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    first = write_generation(tmp_path, vectors_of(5), np.arange(5), "e")
    order = np.array([3, 1, 4, 0, 2])
    assert write_generation(tmp_path, vectors_of(5)[order], order, "e").name == first.name
    assert write_generation(tmp_path, vectors_of(5), np.arange(5), "other").name != first.name


def test_what_a_killed_writer_left_is_no_generation_and_goes(tmp_path: Path) -> None:
    write_generation(tmp_path, vectors_of(5), np.arange(5), "e")
    leftover = tmp_path / "generations" / ".writing-000002-01234567"
    leftover.mkdir()
    (leftover / "shard-0.faiss").write_bytes(b"half")
    assert open_generation(tmp_path).manifest.vectors == 5
    write_generation(tmp_path, vectors_of(6), np.arange(6), "e")
    assert not leftover.exists()


@pytest.mark.parametrize("moment", ["os.rename", "os.replace"])
def test_a_writer_that_fails_late_leaves_the_old_one_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    old = write_generation(tmp_path, vectors_of(5), np.arange(5), "e").name

    def fail(*_: object) -> None:
        raise OSError("disk gone")

    with monkeypatch.context() as patch:
        patch.setattr(moment, fail)
        with pytest.raises(OSError, match="disk gone"):
            write_generation(tmp_path, vectors_of(6), np.arange(6), "e")
    assert open_generation(tmp_path).name == old
    assert write_generation(tmp_path, vectors_of(7), np.arange(7), "e").manifest.vectors == 7


def _write_shards(root: Path) -> None:
    vectors = np.concatenate([vectors_of(4000, seed) for seed in range(5)])
    write_generation(root, vectors, np.arange(20_000), "e", budget=IndexBudget(kind="hnsw", sharding="cluster"))


def test_a_writer_killed_among_its_shards_leaves_the_old_one_current(tmp_path: Path) -> None:
    old = write_generation(tmp_path, vectors_of(5), np.arange(5), "e").name
    for shards in (1, 4, 8):
        writer = multiprocessing.get_context("spawn").Process(target=_write_shards, args=(tmp_path,))
        writer.start()
        while writer.is_alive() and len(list(tmp_path.glob("generations/.writing-*/*.faiss"))) < shards:
            time.sleep(0.005)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert open_generation(tmp_path).name == old
    _write_shards(tmp_path)
    assert len(open_generation(tmp_path).shards) == 16
    assert not list((tmp_path / "generations").glob(".writing-*"))


def _write(root: Path, seed: int) -> None:
    write_generation(root, vectors_of(20, seed), np.arange(20), "e", keep=10)


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path, seed)) for seed in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(os.listdir(tmp_path / "generations")) == 4
    assert open_generation(tmp_path).name.startswith("000004-")


@pytest.mark.parametrize(
    ("vectors", "items"),
    [
        (vectors_of(3) * 2, np.arange(3)),
        (np.full((1, 8), np.nan, dtype=np.float32), np.arange(1)),
        (np.zeros((1, 8), dtype=np.float32), np.arange(1)),
        (vectors_of(3), np.arange(2)),
        (vectors_of(3)[0], np.arange(1)),
        (vectors_of(1), np.array([-1])),
    ],
)
def test_what_is_no_index_is_refused(tmp_path: Path, vectors: Floats, items: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        write_generation(tmp_path, vectors, items, "e")
    assert current(tmp_path) is None


def test_nothing_published_yet(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="whatsit catalogue publish"):
        open_generation(tmp_path / "index")


def test_an_index_of_another_embedder_is_refused_with_both_names(tmp_path: Path) -> None:
    write_generation(tmp_path, vectors_of(3), np.arange(3), "embedder-a")
    with pytest.raises(InvalidInput, match=r"embedder-a and this one is embedder-b.*whatsit catalogue add"):
        open_generation(tmp_path, "embedder-b")
    assert open_generation(tmp_path, "embedder-a").manifest.items == 3


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _flip(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


DAMAGE = {
    "a byte differs": (_edit("shard-0.faiss", _flip), "checksum"),
    "a shard is cut off": (_edit("shard-0.faiss", lambda data: data[:-9]), "checksum"),
    "a shard is empty": (_edit("shard-0.faiss", lambda _: b""), "checksum"),
    "a shard is gone": (_remove("shard-0.faiss"), "missing"),
    "the items differ": (_edit("shard-0.items.npy", _flip), "checksum"),
    "the manifest is gone": (_remove("manifest.json"), "no manifest"),
    "the manifest is cut off": (_edit("manifest.json", lambda data: data[:40]), "not the manifest"),
    "the manifest is a list": (_edit("manifest.json", lambda _: b"[]"), "not the manifest"),
    "the manifest lacks a field": (
        _edit("manifest.json", lambda d: d.replace(b'"shards"', b'"s"')),
        "not the manifest",
    ),
    "the format is newer": (_edit("manifest.json", lambda d: d.replace(b'"format": 2', b'"format": 3')), "update"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_and_publishing_repairs_it(tmp_path: Path, kind: str) -> None:
    damage, sentence = DAMAGE[kind]
    folder = write_generation(tmp_path, vectors_of(30), np.arange(30), "e").folder
    damage(folder)
    with pytest.raises(Damaged, match=sentence) as refusal:
        open_generation(tmp_path, "e")
    assert "whatsit catalogue publish" in str(refusal.value)
    assert str(folder) in str(refusal.value)
    write_generation(tmp_path, vectors_of(30), np.arange(30), "e")
    assert open_generation(tmp_path, "e").manifest.vectors == 30


@pytest.mark.parametrize("kind", ["a shard is cut off", "a shard is empty", "a shard is gone"])
def test_a_shard_that_cannot_be_read_is_refused_without_checksums_too(tmp_path: Path, kind: str) -> None:
    folder = write_generation(tmp_path, vectors_of(30), np.arange(30), "e").folder
    DAMAGE[kind][0](folder)
    with pytest.raises(Damaged, match="cannot be read as an index"):
        open_generation(tmp_path, "e", verify=False)


@pytest.mark.parametrize("content", [b"", b"../../etc", b"\xff\xfe", b"000009-00000000"])
def test_a_current_file_that_points_nowhere_is_refused(tmp_path: Path, content: bytes) -> None:
    write_generation(tmp_path, vectors_of(3), np.arange(3), "e")
    (tmp_path / "CURRENT").write_bytes(content)
    with pytest.raises(Damaged, match="whatsit catalogue publish"):
        open_generation(tmp_path)
    write_generation(tmp_path, vectors_of(3), np.arange(3), "e")
    assert open_generation(tmp_path).manifest.vectors == 3


def test_the_same_vectors_at_a_later_change_are_a_new_generation_that_says_so(tmp_path: Path) -> None:
    vectors, items = np.eye(3, 8, dtype=np.float32), np.arange(3)
    first = write_generation(tmp_path, vectors, items, "e", sequence=4)
    assert write_generation(tmp_path, vectors, items, "e", sequence=4).name == first.name
    later = write_generation(tmp_path, vectors, items, "e", sequence=9)
    assert later.name != first.name
    assert later.manifest.sequence == 9
    assert oldest_sequence(tmp_path) == 4


def test_a_manifest_of_before_the_change_log_is_read(tmp_path: Path) -> None:
    path = write_generation(tmp_path, np.eye(3, 8, dtype=np.float32), np.arange(3), "e", sequence=4).folder / MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["sequence"]
    path.write_text(json.dumps(manifest))
    assert open_generation(tmp_path, "e").manifest.sequence == 0
