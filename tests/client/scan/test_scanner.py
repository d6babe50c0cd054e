"""Frames in, one request for each thing out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput
from whatsit_client.scan import Detections, Scanner, ScanOptions, ScanRequest

from tests.client.scan.drawn_frames import draw_frame

Pixels = np.ndarray
THING = (120, 80, 400, 420)


class OneThing:
    """A detector that finds the same box in every frame."""

    labels = ("object", "carton")

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = boxes
        self.calls = 0

    def __call__(self, pixels: Pixels) -> Detections:
        self.calls += 1
        count = len(self.boxes)
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        return Detections(boxes, np.full(count, 0.8, np.float32), np.ones(count, np.int32))


def frame(scene: int, x: int = 8, blur: int = 0) -> Pixels:
    gray = draw_frame(scene, x, 8, blur, 64, 0)
    return np.repeat(np.repeat(np.repeat(gray[..., None], 3, axis=2), 2, axis=0), 2, axis=1)


def scan(scanner: Scanner, frames: list[Pixels], begin: float = 0, every: float = 50) -> list[ScanRequest]:
    found = [scanner.push(pixels, begin + every * i) for i, pixels in enumerate(frames)]
    return [one for one in found if one]


def test_one_request_with_the_thing_and_its_surroundings() -> None:
    (request,) = scan(Scanner(OneThing(THING)), [frame(1)] * 14)
    crop = Image.open(io.BytesIO(request.image))
    assert request.crop == (78, 29, 442, 471)
    assert crop.size == (364, 442)
    assert request.boxes == (pytest.approx((42, 51, 322, 391), abs=1),)
    assert max(Image.open(io.BytesIO(request.thumbnail)).size) == 96
    assert request.choice.track == 1
    assert request.choice.label == 1
    assert request.size == len(request.image) + len(request.thumbnail)


def test_a_small_thing_is_sent_with_the_whole_frame_around_it() -> None:
    small = (120.0, 80.0, 320.0, 280.0)
    (request,) = scan(Scanner(OneThing(small)), [frame(1)] * 14)
    assert request.crop == (0, 0, 640, 480)
    assert request.boxes == (pytest.approx(small, abs=1),)
    (cut,) = scan(Scanner(OneThing(small), ScanOptions(context=0.1)), [frame(1)] * 14)
    assert cut.crop == (90, 50, 350, 310)


def test_without_a_detector_the_whole_frame_is_sent() -> None:
    (request,) = scan(Scanner(), [frame(1)] * 14)
    assert request.boxes is None
    assert Image.open(io.BytesIO(request.image)).size == (640, 480)


def test_nothing_found_can_mean_nothing_sent() -> None:
    assert len(scan(Scanner(OneThing()), [frame(1)] * 14)) == 1
    assert not scan(Scanner(OneThing(), ScanOptions(without_box=False)), [frame(1)] * 14)


def test_a_thing_is_not_sent_twice_after_a_shake() -> None:
    shake = [frame(1, 8 + 6 * step) for step in (1, 2, 3, 2, 1)]
    assert len(scan(Scanner(OneThing(THING)), [frame(1)] * 14 + shake + [frame(1)] * 14)) == 1
    assert len(scan(Scanner(), [frame(1)] * 14 + shake + [frame(1)] * 14)) == 2, "without boxes there is no identity"


def test_another_scene_is_another_thing() -> None:
    assert len(scan(Scanner(OneThing(THING)), [frame(1)] * 14 + [frame(2)] * 14)) == 2


def test_the_detector_rests_once_the_thing_was_sent() -> None:
    detector = OneThing(THING)
    scan(Scanner(detector), [frame(1)] * 14)
    before = detector.calls
    assert before < 20
    every = OneThing(THING)
    scan(Scanner(every, ScanOptions(detect_every_ms=200)), [frame(1)] * 8)
    assert every.calls == 2


def test_the_budget_lowers_the_quality_and_then_makes_requests_wait() -> None:
    (whole,) = scan(Scanner(), [frame(1)] * 14)
    (small,) = scan(Scanner(options=ScanOptions(bytes_per_minute=0.8 * whole.size)), [frame(1)] * 14)
    assert small.size < 0.8 * whole.size
    scanner = Scanner(options=ScanOptions(bytes_per_minute=1.2 * small.size))
    requests = scan(scanner, [frame(1)] * 14 + [frame(2)] * 14)
    assert len(requests) == 1
    assert scanner.held
    assert scan(scanner, [frame(2)] * 70, 1400, every=900), "the budget grows with time"
    assert not scanner.held


def test_a_waiting_request_is_dropped_with_its_scene() -> None:
    scanner = Scanner(options=ScanOptions(bytes_per_minute=10))
    assert not scan(scanner, [frame(1)] * 14)
    assert scanner.held
    scanner.push(frame(2), 750)
    assert not scanner.held


@pytest.mark.parametrize("shape", [(480, 640), (480, 640, 4), (8, 640, 3)])
def test_what_is_no_frame_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="pass RGB pixels"):
        Scanner().push(np.zeros(shape, np.uint8), 0)


def test_a_budget_must_be_above_zero() -> None:
    with pytest.raises(InvalidInput, match="budget"):
        Scanner(options=ScanOptions(bytes_per_minute=0))
