"""`<whatsit-camera>` with a detector: one thing is cut out of the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.film import WIDTH
from tests.web.test_camera import film, filmed, open_page, picture, scene, wait_for_frames

__all__ = ["film", "filmed", "open_page", "scene"]
pytestmark = pytest.mark.slow

DETECTOR = """camera.mode = 'scan';
camera.detector = { onEveryFrame: true, detect: async () => [{ box: [90, 70, 390, 290], score: 0.9, label: 1 }] };
camera.start()"""


def test_with_a_detector_one_thing_is_cut_out(filmed: Callable[[], Any], open_page: Callable[..., Any]) -> None:
    browser = filmed()
    page = open_page(browser)
    page.evaluate(DETECTOR)
    frame = wait_for_frames(page, 1)[0]
    shown = picture(frame)
    assert shown.size == (frame["width"], frame["height"])
    assert 300 < shown.width < WIDTH  # the thing and 15 % around it
    x1, y1, x2, y2 = frame["box"]
    assert 0 < x1 < x2 < shown.width
    assert 0 < y1 < y2 < shown.height
    assert page.violations == []
    browser.close()
