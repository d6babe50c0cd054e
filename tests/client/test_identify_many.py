"""`whatsit identify` on folders and films: a line a picture, files of results, interruptions."""

from __future__ import annotations

import csv
import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet
import pytest
from whatsit_client.errors import InvalidInput

from tests.client.test_identify_command import run
from whatsit.cli.identify_results import COLUMNS, open_results
from whatsit.cli.identify_shots import Shot, count_of, settled_files, shots_of

over_http = pytest.mark.parametrize("fake", ["http"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path, photo: bytes) -> Path:
    """Three pictures, one that is none, a text, and a film of two seconds."""
    place = tmp_path / "photos"
    (place / "more").mkdir(parents=True)
    for name in ("a.jpg", "b.JPG", "more/c.jpg"):
        (place / name).write_bytes(photo)
    (place / "empty.jpg").write_bytes(b"")
    (place / "notes.txt").write_text("no picture")
    film = cv2.VideoWriter(str(place / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(20):
        film.write(np.full((48, 64, 3), 12 * shade, np.uint8))
    film.release()
    return place


def test_frames_of_a_film_are_taken_at_an_interval(folder: Path) -> None:
    film = folder / "film.avi"
    shots = list(shots_of(film, 0.5))
    assert [shot.seconds for shot in shots] == [0.0, 0.5, 1.0, 1.5]
    assert count_of(film, 0.5) == 5  # about
    shades = [cv2.imdecode(np.frombuffer(shot.image or b"", np.uint8), 1)[0, 0, 0] for shot in shots]
    assert np.allclose(shades, [0, 60, 120, 180], atol=6)
    assert [shot.seconds for shot in shots_of(film, 0.5, frozenset({shots[1].key}))] == [0.0, 1.0, 1.5]
    (folder / "bad.mp4").write_bytes(b"nothing")
    for name in ("bad.mp4", "missing.mp4"):
        with pytest.raises(InvalidInput, match=name):
            list(shots_of(folder / name, 1.0))


@over_http
def test_a_folder_is_a_line_a_picture(monkeypatch: Any, capsys: Any, fake: Any, folder: Path) -> None:
    assert run(monkeypatch, folder, "--url", fake.url) == 1  # the empty one
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 5
    assert lines[0] == f"{folder / 'a.jpg'}: Tea 0 (80% sure)  [sku0]"
    assert f"{folder / 'film.avi'} at 1.0 s: Tea 0" in printed.out
    assert "empty.jpg: The image is empty" in printed.err
    assert run(monkeypatch, folder.parent / "none", "--url", fake.url) == 1
    (folder.parent / "bare").mkdir()
    assert run(monkeypatch, folder.parent / "bare", "--url", fake.url) == 1
    assert "holds no picture and no film" in capsys.readouterr().err


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return rows
    return [json.loads(line) for line in path.read_text().splitlines()]


@over_http
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_file_of_results_is_continued(monkeypatch: Any, capsys: Any, fake: Any, folder: Path, ending: str) -> None:
    out = folder.parent / f"answers.{ending}"
    assert run(monkeypatch, folder / "a.jpg", "--url", fake.url, "--out", out) == 0
    with out.open("ab") as file:
        file.write(b"torn line" if ending != "parquet" else b"")  # as a killed run leaves it
    assert run(monkeypatch, folder, "--url", fake.url, "--out", out, "--every", 0.5) == 1
    assert fake.calls == 7
    rows = rows_of(out)
    assert [Path(row["photo"]).name for row in rows][:2] == ["a.jpg", "b.JPG"]
    assert len(rows) == 8
    assert sum("empty" in str(row.get("error")) for row in rows) == 1
    seconds = [row["seconds"] for row in rows if row.get("seconds") not in (None, "")]
    assert [float(one) for one in seconds] == [0.0, 0.5, 1.0, 1.5]
    if ending != "jsonl":
        assert list(rows[0]) == list(COLUMNS)
        assert (rows[0]["state"], float(rows[0]["confidence"])) == ("found", 0.8)
    assert "1 were there before" in capsys.readouterr().err
    assert run(monkeypatch, folder, "--url", fake.url, "--out", out, "--every", 0.5) == 0
    assert fake.calls == 7
    assert rows_of(out) == rows


def test_what_is_no_file_of_results_is_not_written_over(folder: Path) -> None:
    for name, text in (
        ("x.csv", "id,title\n1,Tea\n"),
        ("x.jsonl", '{"id": 1}\n'),
        ("x.parquet", "PAR1"),
        ("x.xlsx", ""),
    ):
        (folder / name).write_text(text)
        with pytest.raises(InvalidInput):
            open_results(folder / name)
        assert (folder / name).read_text() == text


@over_http
def test_an_interrupted_run_keeps_what_was_done(monkeypatch: Any, capsys: Any, fake: Any, folder: Path) -> None:
    out = folder.parent / "answers.parquet"
    fake.delay = 0.2
    waiter = threading.Timer(0.0, lambda: interrupt_after(fake, 4))
    waiter.start()
    assert run(monkeypatch, folder, "--url", fake.url, "--out", out, "--every", 0.1, "--workers", 1) == 130
    kept = len(rows_of(out))
    assert 1 <= kept < 23
    assert f"{kept} pictures are in {out}; run the same command again" in capsys.readouterr().err
    fake.delay = 0.0
    assert run(monkeypatch, folder, "--url", fake.url, "--out", out, "--every", 0.1) == 0
    assert len(rows_of(out)) == 24


def interrupt_after(fake: Any, calls: int) -> None:
    while fake.calls < calls:
        time.sleep(0.01)
    time.sleep(0.3)
    signal.raise_signal(signal.SIGINT)


@over_http
def test_a_watched_folder_goes_on_with_new_files(monkeypatch: Any, capsys: Any, fake: Any, folder: Path) -> None:
    monkeypatch.setattr("whatsit.cli.identify_shots._SETTLED_SECONDS", 0.0)
    monkeypatch.setattr("whatsit.cli.identify_run._LOOK_SECONDS", 0.05)

    def come() -> None:
        while fake.calls < 5:
            time.sleep(0.01)
        (folder / "new.jpg").write_bytes((folder / "a.jpg").read_bytes())
        interrupt_after(fake, 6)

    threading.Thread(target=come).start()
    assert run(monkeypatch, folder, "--watch", "--url", fake.url) == 0
    assert "new.jpg: Tea 0" in capsys.readouterr().out
    assert run(monkeypatch, folder / "a.jpg", "--watch", "--url", fake.url) == 2


def test_files_that_are_being_written_wait(folder: Path, monkeypatch: Any) -> None:
    assert settled_files(folder, frozenset()) == []
    monkeypatch.setattr("whatsit.cli.identify_shots._SETTLED_SECONDS", 0.0)
    names = [file.name for file in settled_files(folder, frozenset({folder / "a.jpg"}))]
    assert names == ["b.JPG", "empty.jpg", "film.avi", "c.jpg"]
    assert str(Shot(folder, None, 1.25)) == f"{folder} at 1.2 s"
