"""Frames in, at most one request for each thing that is held still out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatsit_client.errors import InvalidInput
from whatsit_client.scan.bandwidth import Bandwidth
from whatsit_client.scan.center_decoding import Detections
from whatsit_client.scan.frame_pixels import Pixels, as_box, check_frame, encode_jpeg, reduce_gray, widened
from whatsit_client.scan.frame_selector import FrameSelector, Thresholds
from whatsit_client.scan.scan_detector import Detector
from whatsit_client.scan.sharpness import Gray
from whatsit_client.scan.tracker import Tracker, TrackerOptions
from whatsit_client.types import Box

_SIZES = ((640, 85), (448, 75), (320, 65))  # longest side and JPEG quality, the next one where the budget is short


@dataclass(frozen=True)
class ScanOptions:
    """Options of a `Scanner`.

    Args:
        margin: part of the thing's sides that is sent around it.
        context: a thing that covers less of the frame than this share is sent with the whole frame around it: it may be
            one fruit of a heap, and the server looks up both, frame and box.
        detect_every_ms: the detector runs at most so often; 0 for every frame.
        idle_every_ms: the same while a sent thing is still in view.
        bytes_per_minute: budget of requests; None for no limit.
        thumbnail: longer side of the thumbnail in pixels.
        without_box: send the whole frame where the detector finds nothing in a still, sharp one.
    """

    margin: float = 0.15
    context: float = 0.25
    detect_every_ms: float = 0
    idle_every_ms: float = 250
    bytes_per_minute: float | None = None
    thumbnail: int = 96
    without_box: bool = True


@dataclass(frozen=True)
class Choice:
    """A thing that should be sent, in the frame that was kept at `is_best`.

    Args:
        time_ms: of that frame.
        track: number of the thing; 0 for the whole frame.
        box: of the thing in pixels of the frame; None for the whole frame.
        score: the detector's, 1 for the whole frame.
        label: class of the thing, 0 for none.
        sharpness: of the frame.
    """

    time_ms: float
    track: int
    box: Box | None
    score: float
    label: int
    sharpness: float


@dataclass(frozen=True)
class ScanRequest:
    """One picture to identify: `client.identify(request.image, boxes=request.boxes)`.

    Args:
        choice: frame and thing.
        image: JPEG of the thing with some surroundings, of the whole frame where it is small (`ScanOptions.context`).
        boxes: the thing in pixels of `image`; None for the whole picture.
        crop: x1, y1, x2, y2 of `image` in the frame.
        thumbnail: small JPEG of the whole frame.
        sent_ms: time of the frame with which it was decided.
    """

    choice: Choice
    image: bytes
    boxes: tuple[Box, ...] | None
    crop: tuple[int, int, int, int]
    thumbnail: bytes
    sent_ms: float

    @property
    def size(self) -> int:
        """Bytes of both pictures."""
        return len(self.image) + len(self.thumbnail)


def sent_crop(box: Box | None, frame: tuple[int, int], options: ScanOptions) -> tuple[int, int, int, int]:
    """Return the part of a frame that is sent for a thing, in whole pixels.

    Args:
        box: of the thing; None for the whole frame.
        frame: width and height.
        options: `margin` and `context` of them.
    """
    width, height = frame
    if box is None or (box[2] - box[0]) * (box[3] - box[1]) < options.context * width * height:
        return 0, 0, width, height
    return widened(box, options.margin, width, height)


class ScanDecision:
    """Grey frames and boxes in, choices out: the same in each language.

    Attributes:
        selector: looks for still, sharp frames.
        tracker: follows the things.
        is_best: whether the caller should keep the last frame.
    """

    def __init__(
        self,
        options: ScanOptions | None = None,
        thresholds: Thresholds | None = None,
        tracker: TrackerOptions | None = None,
    ) -> None:
        self.options = options or ScanOptions()
        self.selector = FrameSelector(thresholds)
        self.tracker = Tracker(tracker)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as when the camera was closed."""
        self.selector.reset()
        self.tracker.reset()
        self.is_best = False
        self._detected_ms = -np.inf
        self._best: Choice | None = None
        self._since_best = (0.0, 0.0)  # motion of the picture in pixels of the frame

    def wants_detection(self, time_ms: float) -> bool:
        """Return whether the detector should run on the frame of that time."""
        options = self.options
        every = options.idle_every_ms if self.selector.state == "sent" else options.detect_every_ms
        return time_ms - self._detected_ms >= every

    def step(self, gray: Gray, time_ms: float, frame: tuple[int, int], found: Detections | None) -> Choice | None:
        """Take the next frame; return what should be sent now.

        Args:
            gray: the reduced frame, uint8 [h,w].
            time_ms: when it was taken.
            frame: width and height of the whole frame in pixels; boxes are in these.
            found: things in this frame; None where the detector did not run.
        """
        selector, before = self.selector, self.selector.state
        state = selector.push(gray, time_ms)
        self._move(frame)
        if found is not None:
            self._detected_ms = time_ms
            self.tracker.update(found, frame)
        self.is_best = selector.is_best
        if selector.is_best:
            self._since_best = (0.0, 0.0)
            self._best = self._choose(time_ms, selector.light.sharpness, frame)
        if state != "sent" or before == "sent" or self._best is None:
            return None
        best = self._best
        if not best.track:  # the thing was found after that frame
            best = self._choose(best.time_ms, best.sharpness, frame)
        return self._send(best)

    def _move(self, frame: tuple[int, int]) -> None:
        """Move all things along with the picture."""
        shift, longer = self.selector.shift, max(frame)
        if shift is None:
            self.tracker.reset()
            return
        dx, dy = shift[0] * longer, shift[1] * longer
        self.tracker.shift(dx, dy)
        self._since_best = (self._since_best[0] + dx, self._since_best[1] + dy)

    def _choose(self, time_ms: float, sharpness: float, frame: tuple[int, int]) -> Choice:
        """Return the main thing, where it was in the best frame."""
        main = self.tracker.main(frame)
        if main is None:
            return Choice(time_ms, 0, None, 1.0, 0, sharpness)
        dx, dy = self._since_best
        limit = np.array([*frame, *frame], np.float32)
        box = as_box(np.clip(main.box - np.array([dx, dy, dx, dy], np.float32), 0, limit).tolist())
        return Choice(time_ms, main.id, box, main.score, main.label, sharpness)

    def _send(self, choice: Choice) -> Choice | None:
        """Return a choice unless its thing was sent before."""
        if not choice.track:
            return choice if self.options.without_box else None
        for track in self.tracker.tracks:
            if track.id == choice.track:
                if track.sent:
                    return None
                track.sent = True
        return choice


class Scanner:
    """A camera's frames in, requests out.

    Example:
        >>> scanner = Scanner(ScanDetector())  # doctest: +SKIP
        ... for pixels, time_ms in frames:
        ...     if request := scanner.push(pixels, time_ms):
        ...         print(client.identify(request.image, boxes=request.boxes).answer.title)

    Args:
        detector: finds things in a frame; None sends whole frames.
        options: of sending.
        thresholds: of the choice of frames.
        tracker: of identities.

    Attributes:
        decision: state, tracks and thresholds.
        held: whether a request waits for the budget.
    """

    def __init__(
        self,
        detector: Detector | None = None,
        options: ScanOptions | None = None,
        thresholds: Thresholds | None = None,
        tracker: TrackerOptions | None = None,
    ) -> None:
        self.detector = detector
        self.decision = ScanDecision(options, thresholds, tracker)
        self._bandwidth = Bandwidth(self.decision.options.bytes_per_minute)
        self._kept: Pixels | None = None
        self._waiting: Choice | None = None

    @property
    def held(self) -> bool:
        """Return whether a request waits for the budget."""
        return self._waiting is not None

    def push(self, pixels: Pixels, time_ms: float) -> ScanRequest | None:
        """Take the next frame; return a request where one is due.

        Args:
            pixels: RGB uint8 [H,W,3].
            time_ms: when it was taken; any clock that does not run backwards.

        Raises:
            InvalidInput: the frame is none.
        """
        check_frame(pixels)
        decision = self.decision
        found = None
        if self.detector is not None and decision.wants_detection(time_ms):
            found = self.detector(pixels)
        size = (pixels.shape[1], pixels.shape[0])
        choice = decision.step(reduce_gray(pixels), time_ms, size, found)
        if decision.is_best:
            self._kept = pixels.copy()
        if decision.selector.state != "sent":
            self._waiting = None  # the thing is gone
        self._waiting = choice or self._waiting
        return None if self._waiting is None else self._encode(self._waiting, time_ms)

    def _encode(self, choice: Choice, time_ms: float) -> ScanRequest | None:
        """Return the request at the best quality that the budget allows.

        None where it must wait.
        """
        if self._kept is None:
            raise InvalidInput("There is no frame to send: push frames of one camera only.")
        height, width = self._kept.shape[:2]
        x1, y1, x2, y2 = crop = sent_crop(choice.box, (width, height), self.decision.options)
        thumbnail, _ = encode_jpeg(self._kept, self.decision.options.thumbnail, 70)
        for longest, quality in _SIZES:
            image, scale = encode_jpeg(self._kept[y1:y2, x1:x2], longest, quality)
            if self._bandwidth.take(len(image) + len(thumbnail), time_ms):
                break
        else:
            return None
        self._waiting = None
        boxes = None
        if choice.box is not None:
            left, top, right, bottom = choice.box
            inner = np.array([left - x1, top - y1, right - x1, bottom - y1]) * scale
            limit = np.array([x2 - x1, y2 - y1] * 2) * scale
            boxes = (as_box(np.clip(inner, 0, np.floor(limit)).tolist()),)
        return ScanRequest(choice, image, boxes, crop, thumbnail, time_ms)
