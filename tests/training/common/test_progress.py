from __future__ import annotations

import io

import pytest
from rich.console import Console

from whatsit.training.common import progress
from whatsit.training.common.progress import EpochProgress, counted


@pytest.mark.parametrize("terminal", [False, True])
def test_counting_returns_everything_in_order(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal)
    assert list(counted([3, 1, 2], "Reading", console)) == [3, 1, 2]
    assert "Reading" in out.getvalue()
    assert ("Reading: 3\n" in out.getvalue()) is not terminal


def test_a_log_file_gets_lines_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with EpochProgress(Console(file=out, width=120), epoch=2, steps=4, done=1) as bar:
        bar.advance({"loss": 0.5}, 1e-3)
        assert out.getvalue() == ""
        monkeypatch.setattr(progress, "_LOG_EVERY", -1.0)
        bar.advance({"loss": 0.25}, 1e-3)
    (line,) = out.getvalue().splitlines()
    assert line.startswith("epoch 2  3/4  ")
    assert "loss 0.250" in line
