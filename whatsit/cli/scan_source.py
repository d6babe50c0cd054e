"""Frames of a film or a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatsit_client.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LONGEST = 1920  # larger frames are reduced: the crop of a thing is sent at 640 pixels


@dataclass(frozen=True)
class SourceFrame:
    """One frame.

    Args:
        time_ms: since the first one.
        pixels: RGB uint8 [H,W,3].
    """

    time_ms: float
    pixels: npt.NDArray[np.uint8]


def frames_of(source: str, seconds: float | None = None) -> Iterator[SourceFrame]:
    """Open a film, or a camera by its number or device, and return its frames.

    Args:
        source: a file, or 0, 1, ... or /dev/videoN.
        seconds: stop after so many; None for the whole film, and for a camera until it is interrupted.

    Raises:
        InvalidInput: the film cannot be read.
        Unavailable: there is no such camera.
    """
    from whatsit.cli.identify_shots import opencv

    cv2 = opencv()
    camera = source.isdigit() or source.startswith("/dev/video")
    if not camera and not Path(source).is_file():
        raise InvalidInput(f"There is no film {source}: name a file, or a camera by its number, such as 0.")
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    if not capture.isOpened():
        capture.release()
        if camera:
            raise Unavailable(f"The camera {source} cannot be opened: it is not there, or in use elsewhere.")
        raise InvalidInput(f"The film {source} cannot be read: it is damaged, or no kind that OpenCV knows.")
    return _frames(source, capture, camera, seconds)


def _frames(source: str, capture: Any, camera: bool, seconds: float | None) -> Iterator[SourceFrame]:
    count = 0
    try:
        for frame in _read(capture, camera):
            if seconds is not None and frame.time_ms > 1000 * seconds:
                break
            count += 1
            yield frame
    finally:
        capture.release()
    if not count:
        raise InvalidInput(f"{source} gives no frame that can be read.")


def _read(capture: Any, camera: bool) -> Iterator[SourceFrame]:
    import cv2

    rate = capture.get(cv2.CAP_PROP_FPS)
    rate = rate if 0 < rate < 1000 else 25.0
    number, start = 0, time.monotonic()
    while True:
        read, pixels = capture.read()
        if not read:
            return
        longer = max(pixels.shape[:2])
        if longer > _LONGEST:
            scale = _LONGEST / longer
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        time_ms = 1000 * (time.monotonic() - start) if camera else 1000 * number / rate
        yield SourceFrame(time_ms, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        number += 1
