"""The timeline of `whatsit scan --save`: states, motion and sharpness over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw
from whatsit_client.scan import Thresholds

from whatsit.cli.scan_colours import BACKGROUND, CARD, FAINT, INK, MUTED, PROBLEM, SCALE, STATES, write, write_legend
from whatsit.cli.scan_record import ScanRecord

_WIDTH, _LEFT, _RIGHT = 1240, 118, 60
_STATES_TOP, _STATES_TALL = 92, 26
_MOTION_TOP, _CURVE_TALL, _SHARP_TOP = 146, 130, 304
_HEIGHT = 492
_GAP_MS = 250
_SLOW, _FAST = 0.005, 5.0  # ends of the axis of motion, in widths a second


def draw_timeline(record: ScanRecord) -> Image.Image:
    """Draw states, motion (logarithmic) and sharpness over time, with what was sent."""
    picture = Image.new("RGB", (_WIDTH * SCALE, _HEIGHT * SCALE), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    begin = record.frames[0].time_ms
    length = max(1.0, record.frames[-1].time_ms - begin)

    def at(time_ms: float) -> float:
        return _LEFT + (time_ms - begin) / length * (_WIDTH - _LEFT - _RIGHT)

    write(pen, (28, 22), record.name, 20)
    write(pen, (28, 50), "What the scanner saw, and when it sent", 13, MUTED)
    write_legend(pen, _WIDTH - 28)
    _draw_axis(pen, length / 1000, begin, at)
    _draw_states(pen, record, at)
    limits = Thresholds()
    _panel(pen, _MOTION_TOP, "motion", "widths a second")
    _panel(pen, _SHARP_TOP, "sharpness", "of edges, 0 to 1")
    for value in (limits.still_below, limits.moving_above):
        _limit(pen, _MOTION_TOP, _motion_height(value), f"{value:g}")
    _limit(pen, _SHARP_TOP, limits.min_sharpness, f"{limits.min_sharpness:g}")
    times = [frame.time_ms for frame in record.frames]
    motion = [_motion_height(frame.speed) for frame in record.frames]
    _curve(pen, _MOTION_TOP, [at(time) for time in times], motion, "#9db4ff")
    _curve(pen, _SHARP_TOP, [at(time) for time in times], [frame.sharpness for frame in record.frames], "#7fe0b5")
    for number, request in enumerate(record.requests, start=1):
        _draw_sent(pen, number, at(request.choice.time_ms), at(request.sent_ms), request.choice.sharpness)
    return picture


def _motion_height(speed: float) -> float:
    """Return the height of a speed on its logarithmic axis, 0..1."""
    clipped = min(_FAST, max(_SLOW, speed if math.isfinite(speed) else _FAST))
    return math.log(clipped / _SLOW) / math.log(_FAST / _SLOW)


def _draw_axis(pen: ImageDraw.ImageDraw, seconds: float, begin: float, at: Callable[[float], float]) -> None:
    step = next(step for step in (0.5, 1, 2, 5, 10, 30, 60, 300, 3600) if seconds / step <= 14 or step == 3600)
    for tick in range(int(seconds / step) + 1):
        x = at(begin + 1000 * tick * step)
        pen.line([v * SCALE for v in (x, _STATES_TOP, x, _SHARP_TOP + _CURVE_TALL + 6)], fill=FAINT, width=SCALE)
        write(pen, (x, _SHARP_TOP + _CURVE_TALL + 12), f"{tick * step:g} s", 12, MUTED, "ma")


def _draw_states(pen: ImageDraw.ImageDraw, record: ScanRecord, at: Callable[[float], float]) -> None:
    write(pen, (_LEFT - 16, _STATES_TOP + _STATES_TALL / 2), "state", 13, INK, "rm")
    for state, begin, end in record.runs():
        left, right = at(begin), max(at(begin) + 1.5, at(end) - 1)
        box = [v * SCALE for v in (left, _STATES_TOP, right, _STATES_TOP + _STATES_TALL)]
        pen.rounded_rectangle(box, min(6 * SCALE, (box[2] - box[0]) / 2), fill=STATES[state])
        if right - left > 54:
            ink = INK if state == "moving" else BACKGROUND
            write(pen, ((left + right) / 2, _STATES_TOP + _STATES_TALL / 2), state, 12, ink, "mm")
    for problem, begin, end in _troubles(record):
        left, right, y = at(begin), at(end), _STATES_TOP + _STATES_TALL + 5
        pen.line([v * SCALE for v in (left, y, right, y)], fill=PROBLEM, width=2 * SCALE)
        if right - left > 44:
            write(pen, (left, y + 3), problem, 11, PROBLEM)


def _troubles(record: ScanRecord) -> list[tuple[str, float, float]]:
    """Return what kept still frames from being sent, with begin and end in ms.

    Short gaps are closed.
    """
    found: list[tuple[str, float, float]] = []
    for frame in record.frames:
        if not frame.problem or frame.state not in ("settling", "stable"):
            continue
        if found and found[-1][0] == frame.problem and frame.time_ms - found[-1][2] < _GAP_MS:
            found[-1] = (frame.problem, found[-1][1], frame.time_ms)
        else:
            found.append((frame.problem, frame.time_ms, frame.time_ms))
    return found


def _panel(pen: ImageDraw.ImageDraw, top: int, name: str, unit: str) -> None:
    write(pen, (_LEFT - 16, top + _CURVE_TALL / 2 - 9), name, 13, INK, "rm")
    write(pen, (_LEFT - 16, top + _CURVE_TALL / 2 + 9), unit, 11, MUTED, "rm")
    base = top + _CURVE_TALL
    pen.line([v * SCALE for v in (_LEFT, base, _WIDTH - _RIGHT, base)], fill=FAINT, width=SCALE)


def _limit(pen: ImageDraw.ImageDraw, top: int, height: float, text: str) -> None:
    y = top + _CURVE_TALL * (1 - height)
    for x in range(_LEFT, _WIDTH - _RIGHT, 9):
        pen.line([v * SCALE for v in (x, y, x + 4, y)], fill="#4a5263", width=SCALE)
    write(pen, (_WIDTH - _RIGHT + 8, y), text, 11, MUTED, "lm")


def _curve(pen: ImageDraw.ImageDraw, top: int, x: Sequence[float], heights: Sequence[float], colour: str) -> None:
    points = [(a * SCALE, (top + _CURVE_TALL * (1 - height)) * SCALE) for a, height in zip(x, heights, strict=True)]
    if len(points) > 1:
        pen.line(points, fill=colour, width=2 * SCALE, joint="curve")


def _draw_sent(pen: ImageDraw.ImageDraw, number: int, chosen: float, decided: float, sharpness: float) -> None:
    """Mark the frame that was chosen and the moment of sending."""
    colour = STATES["sent"]
    bottom = _SHARP_TOP + _CURVE_TALL
    pen.line([v * SCALE for v in (decided, _STATES_TOP - 6, decided, bottom)], fill=colour, width=SCALE)
    pen.ellipse([v * SCALE for v in (decided - 10, _STATES_TOP - 24, decided + 10, _STATES_TOP - 4)], fill=colour)
    write(pen, (decided, _STATES_TOP - 14), str(number), 12, BACKGROUND, "mm")
    y = _SHARP_TOP + _CURVE_TALL * (1 - sharpness)
    pen.ellipse([v * SCALE for v in (chosen - 6, y - 6, chosen + 6, y + 6)], fill=CARD, outline=colour, width=2 * SCALE)
