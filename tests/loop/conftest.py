"""A catalogue of its own for each test, and a second embedder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perf.loop.changed_embedder import write_changed_embedder


@pytest.fixture
def own_catalogue(catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the shop's catalogue."""
    return shutil.copytree(catalogue, tmp_path / "catalogue")


@pytest.fixture(scope="session")
def new_embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedder whose vectors mean nothing to the shipped one."""
    return write_changed_embedder(tmp_path_factory.mktemp("embedder") / "new.onnx")
