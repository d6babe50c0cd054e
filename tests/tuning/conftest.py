"""The shipped pipeline's knobs, and the computed pipeline of `computed.py` for the tests beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from whatsit.engines.repository import default_root
from whatsit.tuning.search_space import PIPELINE, Configuration, Space, read_space


@pytest.fixture(scope="session")
def models() -> Path:
    return default_root() / "model_repository"


@pytest.fixture
def plain(models: Path) -> tuple[Space, Configuration]:
    """Instances and threads of the shipped pipeline, and the worst start."""
    space, shipped = read_space(models, None, 4)
    choices = {knob: values for knob, values in space.choices.items() if knob.name in ("instances", "threads")}
    reduced = Space(choices, 4)
    start = Configuration.of({knob: shipped[knob] for knob in choices})
    assert {knob.model for knob in choices} == set(PIPELINE)
    return reduced, reduced.worst_start(start)
