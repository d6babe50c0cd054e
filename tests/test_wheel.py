"""What the wheel packs: the repositories, and nothing that was made on this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MADE_HERE = (
    "model_repository/detector/1/model.plan",
    "model_repository/detector/1/model.plan.lock",
    "model_repository/detector/configs/tuned.pbtxt",
    "fused/describe/1/__pycache__/model.cpython-311.pyc",
)


def test_plans_and_tuned_configurations_are_not_packed(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    folders = ("model_repository/", "ensembles/", "fused/", "build/")
    served = [name for name in files if name.startswith(folders) and not name.startswith("build/checkpoints/")]
    if not served:
        pytest.skip("not a git checkout")
    packaging = ["pyproject.toml", "README.md", "LICENSE", "NOTICE", "client/whatsit_client/version.py"]
    for name in (*served, *packaging, "whatsit/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in MADE_HERE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"], cwd=tmp_path, check=True)

    (wheel,) = (tmp_path / "out").iterdir()
    packed = set(zipfile.ZipFile(wheel).namelist())
    repositories = {name for name in served if not name.startswith("build/")}
    assert {f"whatsit/assets/{name}" for name in repositories} <= packed
    assert not {f"whatsit/assets/{name}" for name in MADE_HERE} & packed
