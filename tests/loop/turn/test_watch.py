"""After a switch: fewer answered or clicked searches are noticed, beyond their noise."""

from __future__ import annotations

import pytest

from whatsit.loop.turn.loop_recipe import Watching
from whatsit.loop.turn.watch import Traffic, compare_traffic

BEFORE = Traffic(1000, 800, 300)


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (Traffic(50, 10, 0), "waiting"),
        (Traffic(300, 240, 90), "fine"),
        (Traffic(300, 230, 85), "fine"),
        (Traffic(300, 190, 90), "fallen"),
        (Traffic(300, 240, 50), "fallen"),
    ],
)
def test_verdicts(after: Traffic, verdict: str) -> None:
    found = compare_traffic(BEFORE, after, Watching(searches=200))
    assert found.verdict == verdict
    assert found.sentence


def test_no_traffic_before_is_no_reason_to_go_back() -> None:
    assert compare_traffic(Traffic(0, 0, 0), Traffic(300, 0, 0), Watching()).verdict == "fine"
    assert compare_traffic(Traffic(0, 0, 0), Traffic(0, 0, 0), Watching(searches=0)).verdict == "fine"
