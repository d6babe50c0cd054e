"""Boxes keep their identity."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.scan import Detections, Tracker, TrackerOptions

FRAME = (640, 480)
Box = tuple[float, float, float, float]


def found(*boxes: Box, score: float = 0.8) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(count, score, np.float32), np.zeros(count, np.int32)
    )


def test_two_things_that_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker()
    for step in range(20):
        left, right = (
            (100.0 + 10 * step, 100.0, 200.0 + 10 * step, 200.0),
            (400.0 - 10 * step, 180, 480.0 - 10 * step, 320),
        )
        tracker.update(found(left, right), FRAME)
    assert [track.id for track in tracker.tracks] == [1, 2]
    assert tracker.tracks[0].box[0] == pytest.approx(290, abs=10)


def test_the_motion_of_the_camera_is_taken_off() -> None:
    tracker = Tracker()
    tracker.update(found((100, 100, 160, 160)), FRAME)
    tracker.shift(300, 50)
    assert [track.id for track in tracker.update(found((400, 150, 460, 210)), FRAME)] == [1]


def test_a_thing_is_forgotten_after_many_misses_or_outside_the_frame() -> None:
    tracker = Tracker(TrackerOptions(max_misses=3))
    tracker.update(found((100, 100, 200, 200)), FRAME)
    for _ in range(3):
        assert tracker.update(found(), FRAME)
    assert not tracker.update(found(), FRAME)
    tracker.update(found((100, 100, 200, 200)), FRAME)
    tracker.shift(-200, 0)
    assert not tracker.update(found(), FRAME)


def test_the_main_thing_is_large_central_and_seen_twice() -> None:
    tracker = Tracker()
    corner, middle, small = (0, 0, 200, 200), (220, 140, 420, 340), (300, 350, 340, 390)
    tracker.update(found(corner, middle, small), FRAME)
    assert tracker.main(FRAME) is None
    tracker.update(found(corner, middle, small), FRAME)
    main = tracker.main(FRAME)
    assert main is not None
    assert main.id == 2


def test_weak_and_crowded_detections_begin_no_track() -> None:
    tracker = Tracker()
    tracker.update(found((100, 100, 200, 200)), FRAME)
    tracker.update(found((100, 100, 200, 200), (105, 105, 200, 200)), FRAME)
    tracker.update(found((400, 100, 500, 200), score=0.31), FRAME)
    assert [track.id for track in tracker.tracks] == [1]
