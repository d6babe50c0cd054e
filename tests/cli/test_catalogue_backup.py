"""The commands `whatsit catalogue backup`, `restore` and `verify`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.catalogue.store.store import Store
from whatsit.cli.catalogue.app import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    layout = Layout(tmp_path / "shop")
    with Store(layout.store) as store:
        for number, row in enumerate(np.eye(8, dtype=np.float32)):
            data = b"\xff\xd8" + bytes([number])
            path = str(keep_picture(layout.pictures, data))
            picture = Picture(path, hashlib.sha256(data).hexdigest(), (Vector((0.0, 0.0, 9.0, 9.0), row),))
            store.put([(ItemFields(f"i{number}"), [picture], "e")])
        publish(store, layout.index)
    return layout.folder


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_back_up_verify_and_restore(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.tar.zst"
    made = run("backup", shop, file)
    assert made.exit_code == 0, made.output
    assert "holds 8 items with all changes up to number 8, 8 pictures, and the index 000001-" in made.stdout
    assert isinstance(run("backup", shop, file).exception, InvalidInput)
    assert json.loads(run("backup", shop, file, "--overwrite", "--json").stdout)["size"] == file.stat().st_size
    restored = run("restore", file, tmp_path / "again")
    assert "8 items with all changes up to number 8, 8 pictures" in restored.stdout
    for place in (file, tmp_path / "again"):
        looked = run("verify", place)
        assert looked.exit_code == 0, looked.output
        assert "all is well (8 items" in looked.stdout


def test_verify_ends_with_1_where_something_is_wrong(shop: Path) -> None:
    first, *_ = (shop / "pictures").iterdir()
    first.unlink()
    looked = run("verify", shop)
    assert looked.exit_code == 1
    assert f"picture: The picture pictures/{first.name} of the item" in looked.stdout
    assert "1 thing is wrong" in looked.stdout
    assert json.loads(run("verify", shop, "--json").stdout)["problems"][0]["kind"] == "picture"


def test_the_size_is_limited(shop: Path, tmp_path: Path) -> None:
    run("backup", shop, tmp_path / "a.tar.zst")
    for command in (["restore", tmp_path / "a.tar.zst", tmp_path / "new"], ["verify", tmp_path / "a.tar.zst"]):
        assert "more than 10,000 bytes" in str(run(*command, "--max-size", "10kB").exception)
        assert isinstance(run(*command, "--max-size", "large").exception, InvalidInput)
    assert isinstance(run("verify", tmp_path / "none").exception, Unavailable)


def test_ctrl_c_leaves_nothing(shop: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, whatsit.catalogue.backup.picture_copies as copies\n"
        "take = copies.PictureCopies.take\n"
        "def interrupted(self, named):\n"
        "    take(self, named)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "copies.PictureCopies.take = interrupted\n"
        "from whatsit.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, "catalogue", "backup", str(shop), str(tmp_path / "a.tar.zst")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.strip().splitlines()[-1]) == (130, "Interrupted. No file was written.")
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
