from __future__ import annotations

import time

import pytest

from whatsit.training.common.prefetch import prefetch


def test_order_is_kept_whatever_finishes_first() -> None:
    def make(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(prefetch(make, 3, 12, ahead=4)) == [n * n for n in range(3, 12)]
    assert list(prefetch(make, 5, 5)) == []


def test_an_error_comes_at_its_place() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise ValueError("picture 2")
        return number

    batches = prefetch(make, 0, 5)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ValueError, match="picture 2"):
        next(batches)


def test_stopping_early_makes_little_more_than_was_asked() -> None:
    made = []
    batches = prefetch(lambda number: made.append(number), 0, 1000, ahead=2)
    next(batches)
    batches.close()
    assert len(made) <= 4
