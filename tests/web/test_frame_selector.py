"""Optical flow, sharpness and the choice of frames, run in the browser on pictures whose motion and blur are known."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.web.film import draw_gray

Gray = NDArray[np.uint8]

# What the functions below need: grey frames come as base64.
READ = "const read = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));"
FLOW = (
    READ
    + """
    const { buildPyramid, findCorners, trackPoints } = await import("/scan/optical-flow.js");
    const [before, after] = frames.map((f) => buildPyramid(read(f), 160, 120));
    const points = findCorners(before[0]);
    const flow = [...trackPoints(before, after, points)];
    return { points: [...points], flow: flow.map((value) => Number.isNaN(value) ? null : value) };
"""
)
SHARPNESS = (
    READ
    + """
    const { measureSharpness } = await import("/scan/sharpness.js");
    return frames.map((f) => measureSharpness(read(f), 160, 120));
"""
)
SELECT = (
    READ
    + """
    const { FrameSelector } = await import("/scan/frame-selector.js");
    const selector = new FrameSelector();
    return frames.map(({ gray, time }) => ({
      state: selector.push(read(gray), 160, 120, time),
      problem: selector.problem, best: selector.best && selector.best.timeMs, isBest: selector.isBest }));
"""
)


@pytest.fixture(scope="module")
def run(browser: Any, site: Any) -> Iterator[Callable[..., Any]]:
    """Run a function body in the page with `frames`, a list, and return what it returns."""
    site.pages["/empty.html"] = "<!doctype html><title>Empty</title>"
    page = browser.new_page()
    page.goto(f"{site.url}/empty.html")
    yield lambda body, frames: page.evaluate(f"async (frames) => {{ {body} }}", frames)
    page.close()


def encode(gray: Gray) -> str:
    return base64.b64encode(gray.tobytes()).decode()


def states(run: Callable[..., Any], frames: list[Gray], every_ms: float = 50) -> list[dict[str, Any]]:
    """Push frames into a selector, one every 50 ms; return what it said after each."""
    return run(SELECT, [{"gray": encode(gray), "time": i * every_ms} for i, gray in enumerate(frames)])  # type: ignore[no-any-return]


def sent(answers: list[dict[str, Any]]) -> list[int]:
    """Return the frames at which something was sent."""
    said = ["moving", *(answer["state"] for answer in answers)]
    return [i for i, (before, after) in enumerate(itertools.pairwise(said)) if after == "sent" != before]


@pytest.mark.parametrize("shift", [(0, 0), (0.25, -0.5), (1, 0), (-2.5, 1.75), (6, -5), (-11, 4)])
def test_the_flow_of_corners_is_the_known_shift(run: Callable[..., Any], shift: tuple[float, float]) -> None:
    answer = run(FLOW, [encode(draw_gray(1)), encode(draw_gray(1, *shift))])
    assert 40 <= len(answer["points"]) // 2 <= 80
    flow = np.array([np.nan if value is None else value for value in answer["flow"]]).reshape(-1, 2)
    tracked = flow[~np.isnan(flow[:, 0])]
    assert len(tracked) >= 0.6 * len(flow)
    assert np.median(tracked, axis=0) == pytest.approx(shift, abs=0.1)
    assert np.mean(np.abs(tracked - shift).max(1) < 0.3) >= 0.9


def test_no_point_is_tracked_into_another_scene(run: Callable[..., Any]) -> None:
    flow = run(FLOW, [encode(draw_gray(1)), encode(draw_gray(2))])["flow"]
    assert np.mean([value is None for value in flow]) >= 0.8


def test_a_wall_has_no_corners(run: Callable[..., Any]) -> None:
    wall = np.full((120, 160), 180, np.uint8)
    assert run(FLOW, [encode(wall), encode(wall)])["points"] == []


def test_a_brighter_exposure_is_no_motion(run: Callable[..., Any]) -> None:
    gray = draw_gray(1) // 2
    flow = np.array(run(FLOW, [encode(gray), encode(gray + 30)])["flow"], float)
    assert np.nanmax(np.abs(flow)) < 0.05


def test_sharpness_falls_with_blur_and_hardly_with_contrast(run: Callable[..., Any]) -> None:
    blurred = [draw_gray(3, blur=sigma) for sigma in (0, 0.5, 1, 1.5, 2, 3, 4)]
    pale = (draw_gray(3) // 2 + 60).astype(np.uint8)
    *falling, of_pale = (answer["sharpness"] for answer in run(SHARPNESS, [encode(g) for g in [*blurred, pale]]))
    assert all(before > after for before, after in itertools.pairwise(falling))
    assert falling[0] > 0.45
    assert falling[5] < 0.3
    assert of_pale == pytest.approx(falling[0], rel=0.15)


def test_noise_does_not_make_a_blurred_frame_sharp(run: Callable[..., Any]) -> None:
    blurred = draw_gray(3, blur=3)
    noise = np.random.default_rng(0).normal(0, 4, blurred.shape)
    noisy = np.clip(blurred + noise, 0, 255).astype(np.uint8)
    of_noisy, of_sharper = run(SHARPNESS, [encode(noisy), encode(draw_gray(3, blur=1))])
    assert of_noisy["sharpness"] < of_sharper["sharpness"]


def test_exposure_is_mean_and_white_part(run: Callable[..., Any]) -> None:
    half = np.zeros((120, 160), np.uint8)
    half[:, 80:] = 255
    answer = run(SHARPNESS, [encode(half)])[0]
    assert answer["brightness"] == pytest.approx(127.5)
    assert answer["clipped"] == 0.5


def moving(seed: int, count: int) -> list[Gray]:
    return [draw_gray(seed, dx=3 * (count - i) - 20) for i in range(count)]


def test_states_follow_the_camera_and_one_frame_is_sent(run: Callable[..., Any]) -> None:
    random = np.random.default_rng(0)
    still = [draw_gray(1, *random.uniform(-0.15, 0.15, 2) - (20, 0)) for _ in range(60)]
    answers = states(run, [*moving(1, 12), *still])
    said = [answer["state"] for answer in answers]
    assert set(said[:12]) == {"moving"}
    assert list(dict.fromkeys(said)) in (["moving", "settling", "stable", "sent"], ["moving", "settling", "sent"])
    in_order = sorted(said, key=["moving", "settling", "stable", "sent"].index)
    assert said == in_order, "no state is left for an earlier one"
    assert len(sent(answers)) == 1


def test_the_sharpest_frame_of_the_still_period_is_the_best(run: Callable[..., Any]) -> None:
    focus = [2.5, 2.2, 1.9, 1.6, 1.2, 0.8, 0.4, 0, 0.6, 1.0, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4]
    answers = states(run, [draw_gray(1, blur=sigma) for sigma in focus])
    (at,) = sent(answers)
    assert answers[at]["best"] == 7 * 50
    assert [i for i, answer in enumerate(answers) if answer["isBest"]][-1] == 7


def test_a_blurred_scene_is_not_sent_and_says_why(run: Callable[..., Any]) -> None:
    answers = states(run, [draw_gray(1, blur=4)] * 40)
    assert answers[-1] == {"state": "stable", "problem": "blurred", "best": answers[-1]["best"], "isBest": False}


@pytest.mark.parametrize(("level", "problem"), [(3, "dark"), (255, "bright")])
def test_a_covered_or_blinded_camera_sends_nothing(run: Callable[..., Any], level: int, problem: str) -> None:
    answers = states(run, [np.full((120, 160), level, np.uint8)] * 30)
    assert answers[-1]["problem"] == problem
    assert not sent(answers)


def test_nothing_is_sent_twice_until_the_scene_moved(run: Callable[..., Any]) -> None:
    first, second = [draw_gray(1)] * 40, [draw_gray(2)] * 40
    out_of_focus = [draw_gray(1, blur=4)] * 30
    assert len(sent(states(run, [*first, *out_of_focus, *first]))) == 1, "out of focus is not another scene"
    assert len(sent(states(run, [*first, *second]))) == 2, "a cut is another scene"
    assert len(sent(states(run, [draw_gray(1, dx=-20)] * 40 + moving(1, 12) + [draw_gray(1, dx=-20)] * 40))) == 2


def test_a_slow_drift_to_another_scene_is_seen(run: Callable[..., Any]) -> None:
    drift = [draw_gray(1, dx=-0.25 * i) for i in range(150)]
    answers = states(run, [*[draw_gray(1)] * 30, *drift, *[drift[-1]] * 30])
    assert len(sent(answers)) >= 2


@pytest.mark.parametrize(("seed", "count"), [(1, 1), (2, 2)], ids=["same", "other"])
def test_after_a_gap_only_another_scene_is_sent(run: Callable[..., Any], seed: int, count: int) -> None:
    scenes = [draw_gray(1)] * 30 + [draw_gray(seed)] * 30
    frames = [{"gray": encode(gray), "time": 50 * i + (5000 if i >= 30 else 0)} for i, gray in enumerate(scenes)]
    assert len(sent(run(SELECT, frames))) == count


def test_a_gap_before_anything_was_sent_begins_again(run: Callable[..., Any]) -> None:
    frames = [{"gray": encode(draw_gray(1)), "time": 50 * i + (5000 if i >= 5 else 0)} for i in range(10)]
    assert [answer["state"] for answer in run(SELECT, frames)][3:7] == ["settling", "settling", "moving", "settling"]
