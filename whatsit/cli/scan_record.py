"""What a scanner did with each frame."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image
from whatsit_client.scan import Scanner, ScanRequest
from whatsit_client.types import Box

from whatsit.cli.scan_source import SourceFrame

_KEPT = 240  # pictures of frames that are held at most
_SIDE = 480


@dataclass(frozen=True)
class SeenBox:
    """A thing in a frame.

    Args:
        track: its number.
        box: in parts of the frame.
        sent: whether it was sent.
        main: whether the camera points at it.
    """

    track: int
    box: Box
    sent: bool
    main: bool


@dataclass(frozen=True)
class SeenFrame:
    """One frame.

    Args:
        time_ms: of the frame.
        state: of the selector.
        problem: what keeps it from being sent.
        speed: in parts of the longer side a second.
        sharpness: 0..1.
        boxes: things in it.
        ms: that the scanner took.
        picture: reduced; None where it was not kept.
    """

    time_ms: float
    state: str
    problem: str
    speed: float
    sharpness: float
    boxes: tuple[SeenBox, ...]
    ms: float
    picture: npt.NDArray[np.uint8] | None


@dataclass
class ScanRecord:
    """All of a film.

    Args:
        name: of the film or camera.
        frames: in their order.
        requests: in their order, each with the frame that was sent.
    """

    name: str
    frames: list[SeenFrame] = field(default_factory=list)
    requests: list[ScanRequest] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Return the time from the first frame to the last."""
        return (self.frames[-1].time_ms - self.frames[0].time_ms) / 1000 if self.frames else 0.0

    @property
    def sent_bytes(self) -> int:
        """Return the bytes of all requests."""
        return sum(one.size for one in self.requests)

    def calls_every(self, every: int) -> int:
        """Return the calls of a client that sends each n-th frame."""
        return -(-len(self.frames) // every)

    def runs(self) -> list[tuple[str, float, float]]:
        """Return the states one after another: name, begin and end in ms."""
        found: list[tuple[str, float, float]] = []
        for frame in self.frames:
            if found and found[-1][0] == frame.state:
                found[-1] = (frame.state, found[-1][1], frame.time_ms)
            else:
                if found:
                    found[-1] = (*found[-1][:2], frame.time_ms)
                found.append((frame.state, frame.time_ms, frame.time_ms))
        return found


def record_scan(name: str, frames: Iterable[SourceFrame], scanner: Scanner, keep: bool) -> Iterable[ScanRecord]:
    """Scan frames; yield the record after each, so that an interruption loses nothing.

    Args:
        name: of the source.
        frames: in their order.
        scanner: of this source alone.
        keep: hold reduced pictures of frames, evenly over time.
    """
    record, every = ScanRecord(name), 1
    for index, frame in enumerate(frames):
        start = time.perf_counter()
        request = scanner.push(frame.pixels, frame.time_ms)
        spent = 1000 * (time.perf_counter() - start)
        if request:
            record.requests.append(request)
        picture = _reduce(frame.pixels) if keep and index % every == 0 else None
        record.frames.append(_seen(scanner, frame, spent, picture))
        if keep and index // every >= _KEPT:
            every *= 2
            for i, seen in enumerate(record.frames):
                if i % every and seen.picture is not None:
                    record.frames[i] = replace(seen, picture=None)
        yield record


def _seen(scanner: Scanner, frame: SourceFrame, spent: float, picture: npt.NDArray[np.uint8] | None) -> SeenFrame:
    decision, (height, width) = scanner.decision, frame.pixels.shape[:2]
    selector = decision.selector
    boxes, main = [], decision.tracker.main((width, height))
    for track in decision.tracker.tracks:
        if track.hits >= decision.tracker.options.min_hits:
            x1, y1, x2, y2 = (float(side) for side in track.box)
            box = (x1 / width, y1 / height, x2 / width, y2 / height)
            boxes.append(SeenBox(track.id, box, track.sent, track is main))
    light = selector.light
    return SeenFrame(
        frame.time_ms, selector.state, selector.problem, selector.speed, light.sharpness, tuple(boxes), spent, picture
    )


def _reduce(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    return np.asarray(picture)
