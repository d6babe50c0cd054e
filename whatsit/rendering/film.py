"""Films of a hand-held camera, with the truth about each frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.rendering.camera_path import CameraPath
from whatsit.rendering.canvas import Pixels

_EXPOSURE_PIXELS, _MOST_EXPOSURES = 2.5, 8  # of a motion along the exposure


@dataclass(frozen=True)
class FrameTruth:
    """What is true of a frame.

    Args:
        time_ms: when its exposure was half over.
        still: whether the camera is at rest but for tremor.
        hold: index of the stop that it is at; -1 for none.
        speed: motion of the camera, tremor included, in parts of the longer side a second.
        sharpness: 1 without blur; 1 / sqrt(1 + sigma^2) with a blur of sigma pixels, of lens and motion together.
        gain: of the exposure.
    """

    time_ms: float
    still: bool
    hold: int
    speed: float
    sharpness: float
    gain: float


@dataclass(frozen=True, eq=False)
class Film:
    """A camera's way over a scene.

    Args:
        scene: RGB uint8 [H,W,3], or grey [H,W], which is three times as quick; mirrored where the camera looks past it.
        boxes: f32 [N,4], things in the scene, pixels of the scene.
        path: the camera's way.
        kind: its name.
        size: width and height of the frames.
        rate: frames a second.
        exposure: seconds; motion blurs along it.
        readout: seconds from the first row's exposure to the last one's: a rolling shutter.
        noise: of the sensor, grey levels.
        light: of the whole film, 1 for daylight.
        seed: of the noise.
    """

    scene: Pixels
    boxes: npt.NDArray[np.float32]
    path: CameraPath
    kind: str = ""
    size: tuple[int, int] = (640, 480)
    rate: float = 30
    exposure: float = 1 / 60
    readout: float = 1 / 50
    noise: float = 2.0
    light: float = 1.0
    seed: int = 0

    @cached_property
    def truth(self) -> tuple[FrameTruth, ...]:
        """What is true of each frame."""
        times = np.arange(round(self.path.seconds * self.rate)) / self.rate
        velocity = self._velocity(times)
        poses = self.path.pose(times)
        longer = max(self.size)
        found = []
        for index, time in enumerate(times):
            speed = float(np.hypot(*velocity[:, index])) / poses[2, index]
            sigma = np.hypot(self.path.defocus(time), speed * self.exposure / np.sqrt(12))
            sharpness = float(1 / np.sqrt(1 + sigma**2))
            gain = self.light * self.path.gain(time)
            still, hold = self.path.is_at_rest(time), self.path.hold(time)
            found.append(FrameTruth(1000 * float(time), still, hold, speed / longer, sharpness, gain))
        return tuple(found)

    def _velocity(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the view's velocity in pixels of the scene a second, f64 [2,N]."""
        step = 1e-3
        return np.asarray((self.path.pose(times + step) - self.path.pose(times - step))[:2] / (2 * step))

    def frames(self) -> Iterator[Pixels]:
        """Yield the frames, uint8 [H,W,3], or [H,W] of a grey scene."""
        rng = np.random.default_rng(self.seed)
        width, height = self.size
        grain = rng.normal(0, self.noise, (height + 64, width + 64, *self.scene.shape[2:])).astype(np.int16)
        for one in self.truth:
            frame = self._expose(one)
            defocus = self.path.defocus(one.time_ms / 1000)
            if defocus > 0.2:
                frame = cv2.GaussianBlur(frame, (0, 0), defocus).astype(np.uint8, copy=False)
            down, across = rng.integers(0, 64, 2)
            part = grain[down : down + height, across : across + width]
            yield cv2.add(frame, part, dtype=cv2.CV_8U).astype(np.uint8, copy=False)

    def _expose(self, one: FrameTruth) -> Pixels:
        """Return the mean of the views along the exposure, times the gain."""
        travel = one.speed * max(self.size) * self.exposure
        count = int(np.clip(np.ceil(travel / _EXPOSURE_PIXELS), 1, _MOST_EXPOSURES))
        times = one.time_ms / 1000 + self.exposure * ((np.arange(count) + 0.5) / count - 0.5)
        total = np.zeros((self.size[1], self.size[0], *self.scene.shape[2:]), np.float32)
        velocity = self._velocity(times)
        for pose, (vx, vy) in zip(self.path.pose(times).T, velocity.T, strict=True):
            view = self._view(pose, vx, vy)
            if count == 1:
                return cv2.convertScaleAbs(view, alpha=one.gain).astype(np.uint8, copy=False)
            cv2.accumulate(view, total)
        return cv2.convertScaleAbs(total, alpha=one.gain / count).astype(np.uint8, copy=False)

    def _view(self, pose: npt.NDArray[np.float64], vx: float, vy: float) -> Pixels:
        """Return the scene through a rolling shutter, at one pose and velocity."""
        width, height = self.size
        matrix = view_matrix(pose, self.size)
        # A row that is read later sees the scene from farther along the way.
        matrix[:, 1] += np.array([vx, vy]) * self.readout / height
        matrix[:, 2] -= np.array([vx, vy]) * self.readout / 2
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        view = cv2.warpAffine(self.scene, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        return view.astype(np.uint8, copy=False)

    def boxes_at(self, index: int) -> npt.NDArray[np.float32]:
        """Return the things' boxes in a frame, f32 [N,4]; they may lie outside it."""
        x, y, zoom, _ = self.path.pose(np.array([self.truth[index].time_ms / 1000]))[:, 0]
        middle = np.array([x, y, x, y])
        half = np.array([self.size[0], self.size[1]] * 2) / 2
        return np.asarray((self.boxes - middle) / zoom + half, dtype=np.float32)


def view_matrix(pose: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the matrix [2,3] from pixels of the frame to pixels of the scene."""
    x, y, zoom, roll = pose
    turn = zoom * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.concatenate([turn, (np.array([x, y]) - turn @ (np.array(size) / 2))[:, None]], axis=1)
