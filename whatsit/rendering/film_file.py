"""Films as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.rendering.canvas import Pixels


def write_film(path: Path, frames: Iterable[Pixels], rate: float = 30) -> Path:
    """Write RGB frames of one size to a film.

    The ending chooses the kind: `.mp4`, `.avi` (Motion JPEG), or `.y4m`, which Chromium's fake camera plays.

    Raises:
        InvalidInput: the file cannot be written.
    """
    if path.suffix == ".y4m":
        return _write_y4m(path, frames, rate)
    code = "MJPG" if path.suffix == ".avi" else "mp4v"
    film = None
    for frame in frames:
        if film is None:
            film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (frame.shape[1], frame.shape[0]))
            if not film.isOpened():
                raise InvalidInput(
                    f"The film {path} cannot be written: choose .mp4, .avi or .y4m in a folder that is there."
                )
        film.write(np.ascontiguousarray(frame[..., ::-1]))
    if film is not None:
        film.release()
    return path


def _write_y4m(path: Path, frames: Iterable[Pixels], rate: float) -> Path:
    with path.open("wb") as file:
        for index, frame in enumerate(frames):
            height, width = frame.shape[:2]
            if not index:
                file.write(f"YUV4MPEG2 W{width} H{height} F{round(rate * 1000)}:1000 Ip A1:1 C420jpeg\n".encode())
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + np.ascontiguousarray(planes).tobytes())
    return path
