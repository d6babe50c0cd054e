"""`whatsit catalogue clean`, `decisions` and `undo` as a catalogue's owner calls them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.cli.app import app
from whatsit.rendering.shop import encode_jpeg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One item of four pictures alike, one of them twice, and one of something else."""
    random = np.random.default_rng(0)
    pictures = []
    for n in range(5):
        coarse = np.random.default_rng(min(n, 3) if n < 4 else 9).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        path = tmp_path / f"{n}.jpg"
        path.write_bytes(encode_jpeg(np.kron(coarse, np.ones((16, 16, 1), np.uint8))))
        vector = np.eye(8)[n == 4] if n == 4 else np.eye(8)[0] + 0.02 * random.normal(size=8)
        values = np.asarray(vector if n < 4 else np.eye(8)[5], np.float32)
        values /= np.linalg.norm(values)
        pictures.append(Picture(str(path), f"sha {n}", (Vector((0.0, 0.0, 128.0, 128.0), values),)))
    pictures.append(Picture(str(tmp_path / "0.jpg"), "sha 0 again", pictures[0].vectors))
    with Store(Layout(tmp_path / "catalogue").store) as store:
        store.put([(ItemFields("A1", title="Oat Drink"), pictures, "embedder")])
    return tmp_path / "catalogue"


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["catalogue", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def hidden(folder: Path) -> set[str]:
    images = json.loads(call("show", folder, "A1", "--json"))["images"]
    return {image["sha256"] for image in images if image["hidden"]}


def test_clean_show_and_undo(folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheets" / "sheet.png"
    planned = call("clean", folder, "--dry-run", "--sheet", sheet)
    assert "1 near duplicates would be hidden, 1 pictures of something else would be hidden" in planned
    assert sheet.stat().st_size > 1000
    assert hidden(folder) == set()
    done = json.loads(call("clean", folder, "--json"))
    assert {one["sha256"] for one in done["decisions"] if one["verdict"] == "dropped"} == {"sha 0 again", "sha 4"}
    assert hidden(folder) == {"sha 0 again", "sha 4"}
    assert "0 near duplicates hidden" in call("clean", folder)
    log = json.loads(call("decisions", folder, "--json"))
    assert log["standing"]["dropped"] == 2
    number = next(one["number"] for one in log["decisions"] if one["sha256"] == "sha 4" and one["verdict"] == "dropped")
    call("undo", folder, number)
    assert hidden(folder) == {"sha 0 again"}
    assert "0 pictures of something else" in call("clean", folder, "--denoise")
    assert "(undone)" in call("decisions", folder)
    call("undo", folder, "--last")
    assert hidden(folder) == set()


def test_refusals_are_sentences(folder: Path, tmp_path: Path) -> None:
    for error, sentence, arguments in (
        (InvalidInput, "Name a decision by its number, or --last", ["undo", folder]),
        (InvalidInput, "no dropped picture or merged item under the number 7", ["undo", folder, 7]),
        (InvalidInput, "There is no cleaning to undo", ["undo", folder, "--last"]),
        (
            InvalidInput,
            "--radii takes numbers with commas between them, not 'a,b'",
            ["clean", folder, "--radii", "a,b"],
        ),
        (InvalidInput, "There is no hash 'md5'", ["clean", folder, "--hash", "md5"]),
        (InvalidInput, "a .png or .jpg file, not sheet.gif", ["clean", folder, "--sheet", tmp_path / "sheet.gif"]),
        (Unavailable, f"There is no catalogue {tmp_path}", ["clean", tmp_path / "nowhere"]),
    ):
        with pytest.raises(error, match=re.escape(sentence)):
            CliRunner().invoke(app, ["catalogue", *map(str, arguments)], catch_exceptions=False)


def test_decisions_cut_no_id_at_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from whatsit.catalogue.cleaning.decision import Decision
    from whatsit.catalogue.cleaning.decision_log import DecisionLog

    monkeypatch.setenv("COLUMNS", "80")
    ids = [f"ACME-WINTER-COLLECTION-2025-RAIN-JACKET-WITH-HOOD-{size}" for size in ("S", "M")]
    with Store(Layout(tmp_path).store) as store:
        for n, id in enumerate(ids):
            vector = Vector((0.0, 0.0, 1.0, 1.0), np.eye(4, dtype=np.float32)[n])
            store.put([(ItemFields(id), [Picture(f"/{n}", f"sha {n}", (vector,))], "e")])
        decision = Decision("merge", "reported", ids[0], None, ids[1], None, "they are alike")
        DecisionLog(store).record("clean", {}, [decision])
    said = call("decisions", tmp_path)
    assert all(id in said for id in ids)
    assert "they are alike" in said
