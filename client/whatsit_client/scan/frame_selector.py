"""Choose the sharpest frame of each period in which a camera stands still."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whatsit_client.scan.optical_flow import (
    Floats,
    build_pyramid,
    find_corners,
    halve,
    median_motion,
    track_points,
)
from whatsit_client.scan.sharpness import Gray, Light, measure_sharpness

State = Literal["moving", "settling", "stable", "sent"]
Problem = Literal["", "blurred", "dark", "bright"]

_FLOW_SIDE = 200  # frames are halved until their longer side is below
_COARSE_SIDE = 24
_MIN_POINTS = 8
_MIN_DEVIATION = 4.0  # grey levels: the noise of a wall is not stretched to a scene
_CHANGE_OF_WIDTH = 6.0  # change of coarse frames that stands for a motion by the whole width


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of a `FrameSelector`.

    Lengths are parts of the longer side of the frame.

    Args:
        still_below: motion a second below which the scene begins to settle.
        moving_above: motion a second above which it moves again.
        moving_frames: frames in a row that must move: one alone may be noise.
        scene_change: mean difference of two coarse frames of deviation 1, above which they show two scenes.
        settle_ms: how long the scene must be still.
        focus_ms: how long no sharper frame may have come: the camera has found its focus.
        min_sharpness: see `measure_sharpness`.
        sharper: a frame must be sharper by this factor to replace the best one.
        min_brightness: mean grey value below which a frame is dark.
        max_clipped: part of white pixels above which it is too bright.
        gap_ms: after a longer gap only coarse frames are compared.
    """

    still_below: float = 0.08
    moving_above: float = 0.2
    moving_frames: int = 2
    scene_change: float = 0.4
    settle_ms: float = 350
    focus_ms: float = 200
    min_sharpness: float = 0.3
    sharper: float = 1.03
    min_brightness: float = 24
    max_clipped: float = 0.6
    gap_ms: float = 1000


@dataclass(frozen=True)
class BestFrame:
    """The best frame of a still period.

    Args:
        time_ms: when it was taken.
        sharpness: 0..1.
    """

    time_ms: float
    sharpness: float


@dataclass(frozen=True, eq=False)
class _Frame:
    pyramid: list[Floats]
    coarse: Floats
    time_ms: float


class FrameSelector:
    """Follow a camera's frames: moving, settling, stable, sent.

    Frames and their times are passed in; there is no other input. `push` returns "sent" for the first time when the
    best frame of the still period should be used, and nothing more is sent until the scene has moved. The caller keeps
    the picture of a frame when `is_best` is true after its `push`.

    Attributes:
        state: of the last frame.
        problem: what keeps a still scene from being sent: "blurred", "dark" or "bright"; else "".
        is_best: whether the last frame is the best one of the still period so far.
        best: the best frame of the still period.
        light: sharpness and exposure of the last frame.
        speed: motion of the last frame, in parts of the longer side a second.
        shift: median motion from the frame before, x and y in parts of the longer side, 0 where it is unknown; None
            after a cut or a gap.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.reset()

    def reset(self) -> None:
        """Forget all frames, also that one was sent."""
        self.state: State = "moving"
        self.problem: Problem = ""
        self.is_best = False
        self.best: BestFrame | None = None
        self.light = Light(0.0, 0.0, 0.0)
        self.speed = math.inf
        self.shift: tuple[float, float] | None = None
        self._previous: _Frame | None = None
        self._sent_scene: Floats | None = None
        self._moved_frames = 0
        self._still_since = 0.0

    def push(self, gray: Gray, time_ms: float) -> State:
        """Take the next frame and return the state.

        Args:
            gray: uint8 [H,W]; 160 to 400 pixels wide is enough.
            time_ms: when the frame was taken; any clock that does not run backwards.
        """
        frame = _describe(gray, time_ms)
        self.light = measure_sharpness(gray)
        moved = self._has_moved(frame)
        self._previous = frame
        self.is_best = False
        self.problem = ""
        if moved:
            self._to_moving()
        elif self.state == "moving" and self.speed < self.thresholds.still_below:
            self.state, self.best = "settling", None
            self._still_since, self._moved_frames = time_ms, 0
        if self.state in ("settling", "stable"):
            self._weigh(time_ms)
        return self.state

    def mark_sent(self) -> None:
        """Count the scene as sent, as after a shutter.

        Nothing is sent by itself until it moved.
        """
        self.state = "sent"
        self._sent_scene = None if self._previous is None else self._previous.coarse
        self._moved_frames = 0

    def _to_moving(self) -> None:
        self.state = "moving"
        self.best = self._sent_scene = None
        self._moved_frames = 0

    def _has_moved(self, frame: _Frame) -> bool:
        """Measure the motion; return whether the scene is no longer the same."""
        limits, previous, scene = self.thresholds, self._previous, self._sent_scene
        drifted = scene is not None and _coarse_change(scene, frame.coarse) > limits.scene_change
        elapsed = math.inf if previous is None else frame.time_ms - previous.time_ms
        self.shift = None
        if previous is None or elapsed > limits.gap_ms or previous.pyramid[0].shape != frame.pyramid[0].shape:
            self.speed = math.inf
            return scene is None or drifted  # after a pause only another scene is new
        if elapsed <= 0:
            return False
        points = find_corners(previous.pyramid[0])
        motion, (dx, dy), tracked = median_motion(track_points(previous.pyramid, frame.pyramid, points))
        change = _coarse_change(previous.coarse, frame.coarse)
        # Few tracked points: a cut, a fast pan, or the same scene out of focus. Only coarse frames tell them apart.
        longer = max(frame.pyramid[0].shape)
        known = tracked >= max(_MIN_POINTS, len(points) / 8)
        if change <= limits.scene_change:
            self.shift = (dx / longer, dy / longer) if known else (0.0, 0.0)
        if known:
            self.speed = motion / longer / elapsed * 1000
        else:
            self.speed = change / _CHANGE_OF_WIDTH / elapsed * 1000
        if change > limits.scene_change or drifted:
            return True
        self._moved_frames = self._moved_frames + 1 if self.speed > limits.moving_above else 0
        return self._moved_frames >= limits.moving_frames

    def _weigh(self, time_ms: float) -> None:
        """Compare a still frame with the best one, and decide whether that one is sent."""
        limits, light = self.thresholds, self.light
        if light.brightness < limits.min_brightness:
            self.problem = "dark"
        elif light.clipped > limits.max_clipped:
            self.problem = "bright"
        elif light.sharpness < limits.min_sharpness:
            self.problem = "blurred"
        known = self.best.sharpness if self.best else 0.0
        if self.problem in ("", "blurred") and light.sharpness > known * limits.sharper:
            self.best = BestFrame(time_ms, light.sharpness)
            self.is_best = True
        if time_ms - self._still_since >= limits.settle_ms:
            self.state = "stable"
        focused = self.best is not None and self.best.sharpness >= limits.min_sharpness
        if self.state == "stable" and self.best and focused and time_ms - self.best.time_ms >= limits.focus_ms:
            self.mark_sent()


def _describe(gray: Gray, time_ms: float) -> _Frame:
    """Return the pyramid and the coarse picture of a frame."""
    level: Floats = np.asarray(gray, dtype=np.float64)
    while max(level.shape) > _FLOW_SIDE:
        level = halve(level)
    pyramid = build_pyramid(level)
    coarse = pyramid[-1]
    while max(coarse.shape) > _COARSE_SIDE:
        coarse = halve(coarse)
    return _Frame(pyramid, coarse, time_ms)


def _coarse_change(before: Floats, after: Floats) -> float:
    """Return the mean difference of two pictures of mean 0 and deviation 1.

    So a camera that changes its exposure sees no other scene.
    """
    if before.shape != after.shape:
        return math.inf
    return float(np.abs(_normalised(before) - _normalised(after)).mean())


def _normalised(level: Floats) -> Floats:
    level = level - level.mean()
    return np.asarray(level / max(_MIN_DEVIATION, math.sqrt(float(np.square(level).mean()))))
