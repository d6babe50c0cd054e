from __future__ import annotations

from whatsit.training.common.custom_data import hold_out


def test_every_fifth_is_held_out() -> None:
    assert hold_out(list(range(11))) == ([0, 1, 2, 3, 5, 6, 7, 8, 10], [4, 9])
    assert hold_out([1, 2, 3, 4]) == ([1, 2, 3, 4], [])
