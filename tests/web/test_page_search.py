"""The page from a visitor's view: photo, dots, regions, words, filters, links."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Error, Page, Request, expect

from tests.web.page_server import ODD_ITEMS, PageServer
from tests.web.waiting import wait_kept

pytestmark = pytest.mark.triton
Visit = Callable[..., Page]


def search(page: Page, photo: Path | dict[str, Any]) -> None:
    """Choose a photo and wait for its matches."""
    page.set_input_files("#file", photo)  # type: ignore[arg-type]
    page.wait_for_selector("whatsit-results :is(.card, .answer):not(.waiting)")


def calls_of(page: Page, path: str = "/v1/identify") -> list[Request]:
    """Return the list of calls, which grows."""
    calls: list[Request] = []
    page.on("request", lambda request: calls.append(request) if urlsplit(request.url).path == path else None)
    return calls


def boxes_of(request: Request) -> str:
    return parse_qs(urlsplit(request.url).query).get("boxes", [""])[0]


def test_a_photo_gets_dots_and_matches_by_one_call(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    calls = calls_of(page)
    search(page, page_server.scenes[0])
    expect(page.locator(".dot").first).to_be_visible()
    assert page.locator(".dot[aria-pressed=true]").count() <= 1
    assert page.locator("whatsit-results .card").count() > 1
    assert len(calls) == 1


def test_the_photo_is_shown_before_the_answer_on_a_slow_network(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 800, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.set_input_files("#file", page_server.scenes[0])
    expect(page.locator("whatsit-stage .photo")).to_be_visible()
    expect(page.locator("whatsit-results")).to_have_attribute("aria-busy", "true")
    expect(page.locator("whatsit-results .card:not(.waiting)").first).to_be_visible(timeout=90_000)


def test_a_tap_on_a_dot_shows_its_matches_and_answer_without_a_call(visit: Visit, page_server: PageServer) -> None:
    page = visit(has_touch=True, viewport={"width": 390, "height": 844})
    search(page, page_server.scenes[0])
    calls = calls_of(page)
    other = page.locator(".dot[aria-pressed=false]").first
    index = other.get_attribute("data-index")
    other.tap()
    expect(page.locator(f'.dot[data-index="{index}"]')).to_have_attribute("aria-pressed", "true")
    assert page.locator("whatsit-results .card").count() > 1
    assert page.locator("whatsit-results > .answer").count() == 1
    assert calls == []


def test_each_object_of_a_scene_is_found_by_its_dot(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    states = []
    for turn in range(page.locator(".dot").count()):
        page.locator(".dot").nth(turn).click()
        states.append(page.locator("whatsit-results > .answer").get_attribute("class"))
    assert sum("found" in str(state) or "unsure" in str(state) for state in states) >= 2


def test_a_failed_region_is_forgotten_with_the_next(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    page.route("**/v1/identify?*boxes*", lambda route: route.fulfill(status=500, json={"detail": "It broke."}))
    page.locator(".crop").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".failure")).to_contain_text("It broke.")
    page.unroute("**/v1/identify?*boxes*")
    page.locator(".dot").first.click()
    expect(page.locator(".failure")).to_have_count(0)
    expect(page.locator("whatsit-results .card").first).to_be_visible()


def test_a_link_keeps_words_filters_and_region(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    page.locator(".crop").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".controls .on")
    page.fill("#words", "honey")
    page.locator("#words").press("Enter")
    page.wait_for_selector(".controls .on")
    page.wait_for_timeout(800)
    address = page.url
    assert all(part in address for part in ("box=", "q=honey", "photo="))
    wait_kept(page, 1)
    page.reload()
    page.wait_for_selector(".controls .on")
    assert page.url == address


def test_a_dragged_region_is_searched_once_it_rests(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    page.get_by_role("button", name="Whole photo").click()
    expect(page.locator("whatsit-results .pending")).to_have_count(0)
    calls = calls_of(page)
    frame = page.locator(".view").bounding_box()
    assert frame is not None
    at = lambda x, y: (frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])  # noqa: E731  # a point
    page.mouse.move(*at(0.02, 0.05))
    page.mouse.down()
    for turn in range(1, 11):
        page.mouse.move(*at(0.02 + 0.04 * turn, 0.05 + 0.08 * turn))
    page.mouse.up()
    page.wait_for_selector(".controls .on")
    page.wait_for_selector("whatsit-results:not([aria-busy])")
    assert [boxes_of(call) != "" for call in calls] == [True]
    assert "box=" in page.url


def test_keyboard_alone_chooses_and_changes_a_region(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    calls = calls_of(page)
    page.locator(".crop").focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    page.wait_for_selector(".controls .on")
    page.wait_for_selector("whatsit-results:not([aria-busy])")
    assert len(calls) == 1
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Whole photo")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".dot[aria-pressed=true]")).to_have_count(1)


def test_a_late_reply_does_not_replace_a_newer_one(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    held = []
    page.route("**/v1/identify?*boxes*", lambda route: held.append(route))
    page.locator(".crop").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(900)
    page.unroute("**/v1/identify?*boxes*")
    page.get_by_role("button", name="Whole photo").click()
    expect(page.locator("whatsit-results .pending")).to_have_count(0)
    title = page.locator("whatsit-results h1").first.inner_text()
    assert len(held) == 1
    with contextlib.suppress(Error):  # the page has given it up
        held[0].continue_()
    page.wait_for_timeout(500)
    assert page.locator("whatsit-results h1").first.inner_text() == title


def test_words_find_items_and_filters_narrow_them(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    page.fill("#words", "")
    page.locator("#words").press("Enter")
    expect(page.locator(".words h1")).to_have_text("All items")
    chip = page.locator(".filters .chip").first
    count = int(chip.locator("small").inner_text())
    chip.click()
    expect(page.locator(".words .tile")).to_have_count(count)
    page.get_by_role("button", name="Clear filters").click()
    page.fill("#words", "Odd")
    page.locator("#words").press("Enter")
    expect(page.locator(".words .tile")).to_have_count(len(ODD_ITEMS))
    assert "q=Odd" in page.url


def test_filters_and_words_join_a_photo(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    page.locator(".filter-box summary").click()
    calls = calls_of(page)
    chip = page.locator(".filters .chip").first
    category = chip.locator("span").inner_text()
    chip.click()
    page.wait_for_selector("whatsit-results:not([aria-busy])")
    assert "where=" in calls[0].url
    for fact in page.locator("whatsit-results .card .facts").all_inner_texts():
        assert category in fact
    page.fill("#words", "mint")
    page.locator("#words").press("Enter")
    page.wait_for_timeout(300)
    assert "text=mint" in calls[-1].url


def test_texts_of_items_are_shown_as_text(visit: Visit, page_server: PageServer) -> None:
    page = visit("/?q=Odd")
    expect(page.locator(".words .tile")).to_have_count(len(ODD_ITEMS))
    assert set(page.locator(".words .tile .name").all_inner_texts()) == set(ODD_ITEMS.values())
    assert page.title() == "Whatsit"
    assert page.locator(".words .name b, .words .name img").count() == 0
    page.get_by_text(ODD_ITEMS["rtl"]).click()
    assert page.locator("dialog h3").first.evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_an_item_shows_what_is_like_it_and_has_a_link(visit: Visit, page_server: PageServer) -> None:
    id = page_server.get("/v1/items?limit=1")["items"][0]["id"]
    page = visit(f"/?item={id}")
    expect(page.locator("dialog dd").first).to_have_text(id)
    alike = page.locator("dialog section").first.locator(".tile")
    expect(alike.first).to_be_visible()
    name = alike.first.locator(".name").inner_text()
    alike.first.click()
    expect(page.locator("dialog h3").first).to_have_text(name)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert "item=" not in page.url


def test_a_photo_is_found_again_after_a_reload_and_in_the_history(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[1])
    title = page.locator("whatsit-results h1").first.inner_text()
    wait_kept(page, 1)
    page.reload()
    expect(page.locator("whatsit-results h1").first).to_have_text(title)
    page.get_by_role("button", name="New photo").click()
    page.get_by_role("button", name="History").click()
    page.locator("dialog .tile").first.click()
    expect(page.locator("whatsit-results h1").first).to_have_text(title)


def test_a_photo_is_pasted_and_dropped(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    script = """async ([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "x.jpg", {type: "image/jpeg"}));
        const pasted = () => new ClipboardEvent("paste", {clipboardData: data});
        window.dispatchEvent(kind === "paste" ? pasted() : new DragEvent("drop", {dataTransfer: data}));
    }"""
    for kind in ("paste", "drop"):
        page.evaluate(script, [kind, list(page_server.scenes[0].read_bytes())])
        page.wait_for_selector("whatsit-results .card:not(.waiting)")
        page.get_by_role("button", name="New photo").click()


def test_a_turned_photo_is_upright(visit: Visit, page_server: PageServer, tmp_path: Path) -> None:
    with Image.open(page_server.scenes[0]) as scene:
        turned = scene.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6  # shown by a turn of 90 degrees clockwise
        turned.save(tmp_path / "turned.jpg", exif=exif)
        width, height = scene.size
    page = visit()
    search(page, tmp_path / "turned.jpg")
    shown = page.locator("whatsit-stage .photo").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert shown == [width, height]
    assert page.locator(".dot").count() > 0


@pytest.mark.slow
def test_a_photo_of_200_megapixels_is_searched(visit: Visit, tmp_path: Path, page_server: PageServer) -> None:
    with Image.open(page_server.scenes[0]) as scene:
        scene.resize((16_384, 12_288)).save(tmp_path / "large.jpg", quality=60)
    page = visit()
    page.set_input_files("#file", tmp_path / "large.jpg")
    page.wait_for_selector("whatsit-results .card:not(.waiting)", timeout=90_000)
    assert page.locator(".dot").count() > 0


def test_what_is_no_picture_is_refused_by_a_sentence(visit: Visit) -> None:
    page = visit()
    page.set_input_files("#file", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    expect(page.locator(".failure p")).not_to_be_empty(timeout=90_000)
    expect(page.get_by_role("button", name="Choose a photo")).to_be_visible()


def test_a_photo_that_only_the_server_reads_is_searched(visit: Visit, page_server: PageServer, tmp_path: Path) -> None:
    heif = pytest.importorskip(
        "pillow_heif", reason="pillow-heif, which writes the HEIC of this test, is not installed"
    )
    with Image.open(page_server.scenes[0]) as scene:
        heif.from_pillow(scene.convert("RGB")).save(tmp_path / "photo.heic", quality=90)
    page = visit()
    search(page, tmp_path / "photo.heic")
    expect(page.locator("whatsit-stage .blank")).to_be_visible()
    assert page.locator(".dot").count() > 0
