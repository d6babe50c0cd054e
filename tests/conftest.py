"""Fixtures that every room shares."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(folder: str) -> Path:
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"../shared/{folder} is not here: photos and starting weights are not part of the project")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the checkout; the test skips where it is absent."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The folder of starting weights beside the checkout; the test skips where it is absent."""
    return _shared("weights")
