"""`<whatsit-camera>` in Chromium, with films instead of a camera."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.web.film import HEIGHT, WIDTH, draw_scene, hold, pan, write_film
from tests.web.waiting import wait_until

ALLOWED = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Camera</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/test.css"><script type="module" src="/test.js"></script>
<whatsit-camera manual><button slot="error" type="button">Choose a photo</button></whatsit-camera></html>"""
STYLE = "html, body { margin: 0; height: 100% } whatsit-camera { height: 100% }"
SCRIPT = """
import "/camera/camera-view.js";
window.photos = [];
window.errors = [];
window.states = [];
document.addEventListener("whatsit-frame", async ({ detail }) => {
  const bytes = new Uint8Array(await detail.blob.arrayBuffer());
  const text = btoa(String.fromCharCode(...bytes));
  window.photos.push({ ...detail, type: detail.blob.type, blob: text, now: performance.now() });
});
document.addEventListener("whatsit-camera-error", ({ detail }) => window.errors.push(detail.reason));
document.addEventListener("whatsit-camera-state", ({ detail }) => window.states.push(detail.state));
window.camera = document.querySelector("whatsit-camera");
window.ready = true;
"""


@pytest.fixture(scope="module")
def open_page(site: Any) -> Iterator[Callable[..., Any]]:
    """Open the page of the camera in a browser, at the size of a phone."""
    site.pages |= {"/test.html": PAGE, "/test.css": STYLE, "/test.js": SCRIPT}
    opened = []

    def start(browser: Any, script: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 360, "height": 740}, **options)
        page = context.new_page()
        page.violations = []
        page.on("console", lambda message: message.type == "error" and page.violations.append(message.text))
        page.on("pageerror", lambda error: page.violations.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(f"{site.url}/test.html")
        wait_until(page, "window.ready")
        opened.append(context)
        return page

    yield start
    for context in opened:
        context.close()


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    return draw_scene(11)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, scene: Image.Image) -> Path:
    """A camera that comes to rest, sharp for three seconds, and then loses its focus for five."""
    frames = [*pan(scene, 1.2), *hold(scene, 3), *hold(scene, 5, blur=6)]
    return write_film(tmp_path_factory.mktemp("film") / "still.y4m", frames)


@pytest.fixture(scope="module")
def filmed(launch: Callable[..., Any], film: Path) -> Callable[[], Any]:
    """A function that starts a browser whose camera plays the film from its beginning."""
    return lambda: launch(*ALLOWED, f"--use-file-for-fake-video-capture={film}")


@pytest.fixture(scope="module")
def pattern(launch: Callable[..., Any]) -> Any:
    """A browser with two cameras that show Chromium's moving test picture."""
    return launch("--use-fake-device-for-media-stream=device-count=2", ALLOWED[1])


def picture(frame: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(frame["blob"])))


def detail(image: Image.Image) -> float:
    """Return the mean difference between neighbours: much less in a blurred picture."""
    gray = np.asarray(image.convert("L"), float)
    return float(np.abs(np.diff(gray, axis=1)).mean())


def wait_for_frames(page: Any, count: int) -> list[dict[str, Any]]:
    wait_until(page, f"window.photos.length >= {count}")
    return page.evaluate("window.photos")  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["scan", "photo"])
def test_a_film_that_stands_still_gives_exactly_one_sharp_frame(
    filmed: Callable[[], Any], open_page: Callable[..., Any], scene: Image.Image, mode: str
) -> None:
    browser = filmed()
    page = open_page(browser)
    page.evaluate(f"camera.mode = '{mode}'; camera.start()")
    wait_for_frames(page, 1)
    page.wait_for_timeout(4000)  # into the blurred part of the film; it begins again later
    (frame,) = page.evaluate("window.photos")
    assert (frame["width"], frame["height"], frame["type"]) == (WIDTH, HEIGHT, "image/jpeg")
    assert frame["automatic"]
    assert 0 < frame["shutterTime"] <= frame["now"]
    shown = picture(frame)
    assert shown.size == (WIDTH, HEIGHT)
    sharp, blurred = next(iter(hold(scene, 1))), next(iter(hold(scene, 1, blur=6)))
    assert detail(shown) > (detail(sharp) + detail(blurred)) / 2
    assert np.abs(np.asarray(shown.convert("L"), float) - np.asarray(sharp.convert("L"), float)).mean() < 12
    assert list(dict.fromkeys(page.evaluate("window.states")))[:2] == ["starting", "moving"]
    assert page.violations == []
    browser.close()


def test_scanning_gives_one_frame_of_each_scene(
    launch: Callable[..., Any], open_page: Callable[..., Any], tmp_path: Path
) -> None:
    scenes = [draw_scene(21), draw_scene(22)]
    frames = [image for scene in scenes for image in (*pan(scene, 1), *hold(scene, 3))]
    film = write_film(tmp_path / "two.y4m", [*frames, *hold(scenes[1], 5, seed=1)])
    browser = launch(*ALLOWED, f"--use-file-for-fake-video-capture={film}")
    page = open_page(browser)
    page.evaluate("camera.mode = 'scan'; camera.start()")
    wait_for_frames(page, 2)
    page.wait_for_timeout(2500)
    shown = [np.asarray(picture(frame).convert("L"), float) for frame in page.evaluate("window.photos")]
    assert len(shown) == 2
    for got, scene in zip(shown, scenes, strict=True):
        want = np.asarray(scene.crop((0, 0, WIDTH, HEIGHT)).convert("L"), float)
        assert np.abs(got - want).mean() < 12
    browser.close()


def test_the_shutter_gives_a_photo_of_a_moving_scene(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    page.evaluate("camera.start()")
    shutter = page.get_by_role("button", name="Take the photo")
    shutter.click()
    frame = wait_for_frames(page, 1)[0]
    assert not frame["automatic"]
    assert frame["type"] == "image/jpeg"
    assert picture(frame).size == (frame["width"], frame["height"])
    shutter.focus()
    page.keyboard.press("Enter")
    assert len(wait_for_frames(page, 2)) == 2


def test_stop_and_removal_release_the_camera(pattern: Any, open_page: Callable[..., Any]) -> None:
    spy = """
      window.tracks = [];
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wish) => {
        const stream = await open(wish);
        window.tracks.push(...stream.getTracks());
        return stream;
      };"""
    page = open_page(pattern, spy)
    ended = "window.tracks.map((track) => track.readyState)"
    page.evaluate("camera.start()")
    page.evaluate("camera.stop()")
    assert page.evaluate("camera.state") == "off"
    page.evaluate("void camera.start(); camera.stop()")  # while the browser still asks
    wait_until(page, "window.tracks.length === 2 && window.tracks.every((track) => track.readyState === 'ended')")
    page.evaluate("camera.start()")
    assert page.evaluate(ended)[-1] == "live"
    page.evaluate("camera.remove()")
    assert page.evaluate(ended) == ["ended"] * 3
    assert page.violations == []


def test_the_switch_opens_the_other_camera(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    device = "camera.shadowRoot.querySelector('video').srcObject.getVideoTracks()[0].getSettings().deviceId"
    page.evaluate("camera.start()")
    first = page.evaluate(device)
    page.get_by_role("button", name="Use the other camera").click()
    wait_until(page, f"camera.state === 'moving' && {device} !== '{first}'")
    page.get_by_role("button", name="Use the other camera").click()
    wait_until(page, f"camera.state === 'moving' && {device} === '{first}'")
    assert page.get_by_role("button", name="Turn the light on").count() == 0, "these cameras have no torch"


def test_the_torch_is_turned_on_and_off(pattern: Any, open_page: Callable[..., Any]) -> None:
    torch = """
      window.asked = [];
      MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
      MediaStreamTrack.prototype.applyConstraints = async (wish) => window.asked.push(wish.advanced[0].torch);"""
    page = open_page(pattern, torch)
    page.evaluate("camera.start()")
    page.get_by_role("button", name="Turn the light on", pressed=False).click()
    page.get_by_role("button", name="Turn the light off", pressed=True).click()
    page.get_by_role("button", name="Turn the light on", pressed=False).wait_for()
    assert page.evaluate("window.asked") == [True, False]


def test_scanning_pauses_and_goes_on(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    page.evaluate("camera.mode = 'scan'; camera.start()")
    page.get_by_role("button", name="Pause scanning").click()
    page.get_by_role("status").get_by_text("Scanning is paused").wait_for()
    page.get_by_role("button", name="Continue scanning").click()
    assert page.evaluate("camera.state") != "paused"
    page.get_by_role("button", name="Pause scanning").click()
    page.evaluate("camera.mode = 'photo'")
    assert page.evaluate("camera.state") == "moving"
    page.get_by_role("button", name="Take the photo").wait_for()


def test_the_camera_opens_when_the_element_is_inserted(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    insert = """document.documentElement.lang = "de-AT";
      camera.replaceWith(window.camera = document.createElement("whatsit-camera"));
      camera.mode = "scan";"""
    page.evaluate(f"() => {{ {insert} }}")
    wait_until(page, "camera.state === 'moving'")
    page.get_by_role("button", name="Scannen anhalten").wait_for()


def test_all_languages_have_all_texts(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    names = """async () => Object.values((await import("/camera/camera-text.js")).CAMERA_TEXTS).map(
      (texts) => Object.entries(texts).filter(([, text]) => text).map(([name]) => name))"""
    english, *others = page.evaluate(names)
    assert others == [english] * 2


def test_texts_of_another_language_are_shown(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    page.evaluate("camera.text = { shutter: 'Foto aufnehmen', moving: 'Auf ein Ding richten' }; camera.start()")
    page.get_by_role("button", name="Foto aufnehmen").wait_for()
    page.get_by_role("status").get_by_text("Auf ein Ding richten").wait_for()


def test_buttons_are_large_and_no_motion_is_shown_to_those_who_ask(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern, reduced_motion="reduce")
    page.evaluate("camera.start()")
    page.get_by_role("button", name="Use the other camera").wait_for()
    for button in page.get_by_role("button").all():
        if box := button.bounding_box():
            assert min(box["width"], box["height"]) >= 44
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
            assert box["y"] + box["height"] <= 740
    moving = "[...camera.shadowRoot.querySelectorAll('*')].filter((e) => e.getAnimations().length).length"
    page.get_by_role("button", name="Take the photo").click()
    assert page.evaluate(moving) == 0


@pytest.mark.parametrize(
    ("flags", "script", "reason", "sentence"),
    [
        (ALLOWED[:1], "", "denied", "may not use the camera"),
        ((), "", "none", "No camera was found"),
        ((), "Object.defineProperty(globalThis, 'isSecureContext', { value: false })", "insecure", "https"),
    ],
    ids=["denied", "none", "insecure"],
)
def test_without_a_camera_there_is_an_event_a_sentence_and_the_button(
    launch: Callable[..., Any],
    open_page: Callable[..., Any],
    flags: tuple[str, ...],
    script: str,
    reason: str,
    sentence: str,
) -> None:
    browser = launch(*flags)
    page = open_page(browser, script)
    page.evaluate("camera.start()")
    wait_until(page, "window.errors.length")
    assert page.evaluate("window.errors") == [reason]
    assert page.evaluate("camera.state") == "error"
    page.get_by_role("alert").get_by_text(sentence).wait_for()
    assert page.get_by_role("button", name="Choose a photo").is_visible()
    assert page.get_by_role("button", name="Take the photo").count() == 0
    browser.close()


def test_a_camera_that_is_unplugged_gives_the_event(pattern: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(pattern)
    page.evaluate("camera.start()")
    page.evaluate("camera.shadowRoot.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert page.evaluate("window.errors") == ["none"]
