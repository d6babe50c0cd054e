"""The gate lets nothing through that falls beyond its noise."""

from __future__ import annotations

import numpy as np
import pytest

from whatsit.loop.turn.figures import Figure
from whatsit.loop.turn.gate import decide, judge
from whatsit.loop.turn.loop_recipe import Gating


def figure(before: int, after: int, count: int = 200, name: str = "Control photos") -> Figure:
    """Return a figure in which the first photos are right."""
    return Figure(name, np.arange(count) < before, np.arange(count) < after)


def test_noise_is_that_of_the_paired_difference() -> None:
    (one,) = judge([figure(100, 120)], Gating(noise=2.0, samples=4000))
    assert one.noise == pytest.approx(2 * np.sqrt(0.1 * 0.9 / 200), rel=0.06)
    assert one.before_error == pytest.approx(np.sqrt(0.25 / 200))
    assert (one.before, one.after, one.verdict) == (0.5, 0.6, "better")


@pytest.mark.parametrize(("after", "verdict"), [(100, "within noise"), (99, "within noise"), (80, "worse")])
def test_one_photo_is_noise_and_twenty_are_not(after: int, verdict: str) -> None:
    assert judge([figure(100, after)], Gating())[0].verdict == verdict


def test_one_fallen_figure_refuses_whatever_rose() -> None:
    judged = judge([figure(100, 180, name="Clicks"), figure(190, 170)], Gating())
    passed, sentence = decide(judged, gain=True)
    assert not passed
    assert sentence.startswith("Refused: R@1 on control photos fell from 95.0 to 85.0 %")


def test_a_rise_passes_and_no_change_does_not() -> None:
    assert decide(judge([figure(100, 130), figure(190, 190, name="Catalogue")], Gating()), True)[0]
    unchanged = judge([figure(100, 101)], Gating())
    assert decide(unchanged, gain=True) == (False, "Refused: no figure fell beyond its noise, and none rose beyond it.")
    assert decide(unchanged, gain=False)[0]
    assert not decide([], gain=False)[0]
