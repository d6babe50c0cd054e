"""The way of a hand-held camera over a scene: pans, stops, tremor, focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_TREMOR = ((1.1, 0.55), (2.3, 0.3), (5.2, 0.12), (8.7, 0.06))  # Hz and share of a hand's tremor
_REST = 40.0  # pixels of the frame a second, without tremor: a sixteenth of its width
_NEAR = 12.0  # pixels of the frame from a stop
_EXPOSURE_SECONDS = 0.25  # time constant of a camera's exposure


@dataclass(frozen=True)
class Stop:
    """A place at which the camera is held still.

    Args:
        x: middle of the view in pixels of the scene.
        y: likewise.
        seconds: how long.
        approach: seconds of the pan before.
        zoom: pixels of the scene per pixel of the frame.
        defocus: blur at the beginning, sigma in pixels of the frame.
        focus_seconds: until the focus is found; the lens hunts meanwhile.
        light: gain that the exposure starts from, on the way to 1.
        expected: whether a frame of it should be sent.
        thing: index of the scene's thing that is shown; -1 for none.
        through: the camera passes at an even speed.
    """

    x: float
    y: float
    seconds: float
    approach: float = 0.9
    zoom: float = 1.0
    defocus: float = 0.0
    focus_seconds: float = 0.0
    light: float = 1.0
    expected: bool = True
    thing: int = -1
    through: bool = False


class CameraPath:
    """Where a camera looks at each time.

    Args:
        stops: in their order; the way to the first begins beside it.
        rng: of the tremor.
        tremor: amplitude in pixels of the frame.
        leave: seconds of the pan after the last stop.
    """

    def __init__(
        self, stops: Sequence[Stop], rng: np.random.Generator, tremor: float = 1.0, leave: float = 0.6
    ) -> None:
        self.stops = tuple(stops)
        begins, clock = [], 0.0
        for stop in stops:
            begins.append(clock + stop.approach)
            clock += stop.approach + stop.seconds
        self.begins = np.array(begins)
        self.ends = self.begins + [stop.seconds for stop in stops]
        self.seconds = clock + leave
        self._leave = leave
        self._phases = rng.uniform(0, 2 * np.pi, (3, len(_TREMOR)))
        self._tremor = tremor
        side = rng.choice([-1.0, 1.0])
        self._before = (stops[0].x - side * rng.uniform(500, 800), stops[0].y + rng.uniform(-120, 120))
        self._after = (stops[-1].x + side * rng.uniform(500, 800), stops[-1].y + rng.uniform(-120, 120))

    def hold(self, time: float) -> int:
        """Return the stop where the camera is at rest but for tremor, -1 while it moves."""
        x, y, zoom = self._way(np.array([time - 1e-3, time, time + 1e-3]))
        if np.hypot(x[2] - x[0], y[2] - y[0]) / 2e-3 / zoom[1] > _REST:
            return -1
        away = [np.hypot(x[1] - stop.x, y[1] - stop.y) / zoom[1] for stop in self.stops]
        late = [max(begin - time, time - end) for begin, end in zip(self.begins, self.ends, strict=True)]
        near = [i for i, stop in enumerate(self.stops) if away[i] < _NEAR and late[i] < 1 and not stop.through]
        return min(near, key=lambda i: late[i]) if near else -1

    def is_at_rest(self, time: float) -> bool:
        """Return whether the camera is at rest but for tremor, wherever it is."""
        x, y, zoom = self._way(np.array([time - 1e-3, time, time + 1e-3]))
        return bool(np.hypot(x[2] - x[0], y[2] - y[0]) / 2e-3 / zoom[1] <= _REST)

    def pose(self, times: Floats) -> Floats:
        """Return x and y of the view's middle, zoom and roll, f64 [4,N].

        The middle is in pixels of the scene, the roll in radians.
        """
        x, y, zoom = self._way(times)
        dx, dy, roll = (
            sum(share * np.sin(2 * np.pi * hz * times + phase) for (hz, share), phase in zip(_TREMOR, row, strict=True))
            for row in self._phases
        )
        return np.stack([x + self._tremor * zoom * dx, y + self._tremor * zoom * dy, zoom, 0.002 * self._tremor * roll])

    def _way(self, times: Floats) -> tuple[Floats, Floats, Floats]:
        """Return x, y and zoom without tremor."""
        places = [self._before, *((stop.x, stop.y) for stop in self.stops), self._after]
        zooms = [self.stops[0].zoom, *(stop.zoom for stop in self.stops), self.stops[-1].zoom]
        x, y, zoom = (np.full(len(times), float(value)) for value in (*places[0], zooms[0]))
        legs = [(float(b) - s.approach, s.approach) for b, s in zip(self.begins, self.stops, strict=True)]
        legs.append((float(self.ends[-1]), self._leave))
        for leg, (begin, duration) in enumerate(legs):
            part = np.clip((times - begin) / max(duration, 1e-6), 0, 1)
            if leg >= len(self.stops) or not self.stops[leg].through:
                part = part**3 * (10 - 15 * part + 6 * part**2)  # minimum jerk (Flash and Hogan 1985)
            x += part * (places[leg + 1][0] - places[leg][0])
            y += part * (places[leg + 1][1] - places[leg][1])
            zoom += part * (zooms[leg + 1] - zooms[leg])
        return x, y, zoom

    def defocus(self, time: float) -> float:
        """Return the blur of the lens, sigma in pixels of the frame."""
        for begin, stop in zip(self.begins, self.stops, strict=True):
            since = time - begin
            if stop.defocus and -stop.approach <= since < stop.seconds:
                part = min(1.0, max(0.0, since / max(stop.focus_seconds, 1e-6)))
                hunting = 1 - part + 0.5 * np.sin(3 * np.pi * part) * (1 - part)
                return float(stop.defocus * max(0.0, hunting))
        return 0.0

    def gain(self, time: float) -> float:
        """Return the exposure's gain."""
        for begin, stop in zip(self.begins, self.stops, strict=True):
            if -stop.approach <= time - begin < stop.seconds:
                return float(1 + (stop.light - 1) * np.exp(-max(0.0, time - begin) / _EXPOSURE_SECONDS))
        return 1.0
