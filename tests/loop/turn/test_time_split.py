"""The latest clicks of each item measure and never train, in no turn."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np

from whatsit.loop.turn.collected_clicks import LabelledPhoto
from whatsit.loop.turn.loop_recipe import Splitting
from whatsit.loop.turn.time_split import split_by_time

BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)
RECIPE = Splitting(held_out=0.25)


def photos(*minutes: float, item: str = "apple", first: int = 1) -> list[LabelledPhoto]:
    times = [(BEGIN + timedelta(minutes=minute)).isoformat() for minute in minutes]
    return [LabelledPhoto("", item, click=first + n, made=time) for n, time in enumerate(times)]


def apart(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.eye(count, dtype=np.float32)


def test_the_latest_quarter_measures() -> None:
    parts = split_by_time(photos(0, 60, 120, 180, 240, 300, 360, 420), apart(8), RECIPE)
    assert (parts.training, parts.held_out) == ((0, 1, 2, 3, 4, 5), (6, 7))


def test_photos_of_one_burst_stay_together() -> None:
    parts = split_by_time(photos(0, 1, 2, 3, 4, 5, 100, 101), apart(8), RECIPE)
    assert parts.held_out == (6, 7)
    assert split_by_time(photos(0, 1, 2, 3), apart(4), RECIPE).held_out == ()  # something must be left to train on


def test_each_item_is_split_by_itself() -> None:
    both = photos(0, 60, 120, 180) + photos(600, 660, 720, 780, item="pear", first=9)
    assert split_by_time(both, apart(8), RECIPE).held_out == (3, 7)


def test_what_an_earlier_turn_held_out_never_trains_and_what_it_trained_never_measures() -> None:
    clicks = photos(0, 60, 120, 180, 240, 300)
    parts = split_by_time(clicks, apart(6), RECIPE, frozenset({2}), frozenset({5, 6}))
    assert parts.held_out == (1, 3)
    assert set(parts.training) == {0, 2, 4, 5}


def test_what_shows_a_held_out_photo_does_not_train() -> None:
    vectors = apart(4)
    vectors[0] = vectors[3]
    parts = split_by_time(photos(0, 60, 120, 180), vectors, RECIPE)
    assert (parts.training, parts.held_out, parts.same) == ((1, 2), (3,), (0,))
