"""`build/fetch_data.py` on a local git repository; GitHub itself is not reached."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_data", ROOT / "build" / "fetch_data.py")
    assert spec
    assert spec.loader
    module = sys.modules["fetch_data"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def upstream(tmp_path: Path) -> tuple[Path, str]:
    """A repository in the form of coco128_yolo, and its commit."""
    folder = tmp_path / "owner" / "name"
    for part in ("detection", "instance_segmentation"):
        (folder / part / "labels" / "train2017").mkdir(parents=True)
        (folder / part / "labels" / "train2017" / "1.txt").write_text(part)
    (folder / "detection" / "images" / "train2017").mkdir(parents=True)
    Image.new("RGB", (900, 600), "red").save(folder / "detection" / "images" / "train2017" / "1.jpg")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "data"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    return tmp_path, commit


def test_a_set_is_fetched_scaled_and_laid_out(script: ModuleType, upstream: tuple[Path, str]) -> None:
    folder, commit = upstream
    coco = next(one for one in script.DATA_SETS if one.name == "coco128")
    coco = replace(coco, repository="owner/name", commit=commit)
    assert script.fetch(coco, folder / "shared", f"file://{folder}/{{repository}}") == 2
    with Image.open(folder / "shared" / "data" / "coco128" / "images" / "1.jpg") as picture:
        assert picture.size == (624, 416)
    assert (folder / "shared" / "data" / "coco128" / "labels" / "1.txt").read_text() == "detection"


def test_a_pattern_without_a_file_is_named(script: ModuleType, upstream: tuple[Path, str]) -> None:
    folder, commit = upstream
    wrong = replace(script.DATA_SETS[0], repository="owner/name", commit=commit)
    with pytest.raises(FileNotFoundError, match="owner/name at .* has no dataset/classes.csv"):
        script.fetch(wrong, folder / "shared", f"file://{folder}/{{repository}}")


def test_the_page_lists_every_set_as_the_script_fetches_it(script: ModuleType) -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for one in script.DATA_SETS:
        assert len(one.commit) == 40
        (row,) = (line for line in page.splitlines() if one.repository in line and one.commit in line)
        assert one.licence.split(",")[0] in row
        assert not one.short_side or f"at most {one.short_side}" in row


def test_the_layout_is_what_the_readers_read(script: ModuleType, shared_data: Path) -> None:
    for one in script.DATA_SETS:
        if one.target.startswith("data/"):
            folder = shared_data.parent / one.target
            for pattern in [*one.trees, *(name + "*" for _, name in one.flat)]:
                assert next(folder.glob(pattern.replace(".JPEG", ".jpg")), None), f"{one.name}: {pattern}"
