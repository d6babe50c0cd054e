"""The camera of the page: one call for a thing that is held still, and a sentence where there is no camera."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Callable, Iterator

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, expect

from tests.web.film import HEIGHT, WIDTH, hold, pan, write_film
from tests.web.page_server import PageServer
from tests.web.test_page_search import calls_of

pytestmark = [pytest.mark.triton, pytest.mark.slow]
ALLOWED = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
_DATA_URL = """(image) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png");
}"""


@pytest.fixture(scope="module")
def scene(page_server: PageServer) -> Image.Image:
    """A scene of the catalogue's things with the same once more beside it, to pan over."""
    with Image.open(page_server.scenes[0]) as photo:
        one = photo.convert("RGB").resize((WIDTH, HEIGHT))
    whole = Image.new("RGB", (2 * WIDTH, HEIGHT))
    whole.paste(one, (0, 0))
    whole.paste(one, (WIDTH, 0))
    return whole


@pytest.fixture(scope="module")
def camera(launch: Callable[..., Browser], scene: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """A browser whose camera moves, stands still and sharp, then is out of focus."""
    film = itertools.chain(pan(scene, 1.6), hold(scene, 3.0), hold(scene, 3.0, blur=6))
    path = write_film(tmp_path_factory.mktemp("film") / "film.y4m", film)
    return launch(*ALLOWED, f"--use-file-for-fake-video-capture={path}")


@pytest.fixture
def visited(camera: Browser, page_server: PageServer) -> Iterator[Page]:
    """The page with that camera."""
    page = camera.new_context(viewport={"width": 390, "height": 844}, locale="en-GB").new_page()
    page.goto(page_server.url)
    yield page
    page.context.close()


def test_a_thing_held_still_is_searched_by_one_call_with_a_sharp_frame(visited: Page, scene: Image.Image) -> None:
    calls = calls_of(visited)
    visited.get_by_role("button", name="Take a photo").first.click()
    visited.wait_for_selector("whatsit-results :is(.card, .answer):not(.waiting)", timeout=90_000)
    expect(visited.locator("dialog.camera")).to_have_count(0)
    visited.wait_for_timeout(2500)
    assert len(calls) == 1
    sent = visited.locator("whatsit-stage .photo").evaluate(_DATA_URL)
    with Image.open(io.BytesIO(base64.b64decode(sent.partition(",")[2]))) as picture:
        frame = picture.convert("L").resize((WIDTH, HEIGHT))
    sharp = scene.crop((0, 0, WIDTH, HEIGHT)).convert("L")
    assert _edges(frame) > 0.5 * _edges(sharp)


def _edges(picture: Image.Image) -> float:
    """Return the mean difference of neighbours: low for a blurred picture."""
    moved = ImageChops.offset(picture, 1, 0)
    histogram = ImageChops.difference(picture, moved).histogram()
    return sum(value * count for value, count in enumerate(histogram)) / (WIDTH * HEIGHT)


def test_scanning_lists_things_and_goes_on(visited: Page) -> None:
    visited.get_by_role("button", name="Take a photo").first.click()
    visited.get_by_role("button", name="Scan", exact=True).click()
    expect(visited.locator("dialog.camera whatsit-camera")).to_be_visible()
    expect(visited.locator(".find").first).to_be_visible(timeout=90_000)


def test_a_refused_camera_leaves_a_sentence_and_the_file(
    launch: Callable[..., Browser], page_server: PageServer
) -> None:
    page = launch().new_context(locale="en-GB").new_page()
    page.goto(page_server.url)
    page.get_by_role("button", name="Take a photo").first.click()
    dialog = page.locator("dialog.camera")
    expect(dialog.get_by_role("button", name="Choose a photo")).to_be_visible(timeout=90_000)
    with page.expect_file_chooser():
        dialog.get_by_role("button", name="Choose a photo").click()
    page.context.close()
