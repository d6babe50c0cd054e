"""The studio's pages in a real browser, on a server in memory: table, review, batch, log, states, languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.web.studio_server import StudioServer
from tests.web.waiting import wait_stored, wait_until

Open = Callable[..., Page]
LOADED_LOG = ".log li:not(:has(.view-wait))"
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True}


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]]


VIEWS = {
    "overview": ".number",
    "catalogue": ".vt-row:not(.vt-wait)",
    "review": ".queue-card",
    "log": LOADED_LOG,
    "review/duplicates": ".lens img",
    "review/denoise": ".others img",
    "review/merge": ".differing",
    "review/boxes": ".be-box",
    "review/crop_boxes": "canvas.heat-map",
    "review/crops": ".proposals .tile",
    "review/unanswered": ".cluster img",
}


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone-dark"])
def test_every_view_is_accessible(open_studio: Open, phone: bool) -> None:
    page = open_studio(**({"color_scheme": "dark", **PHONE} if phone else {}))
    views = ("overview", "catalogue", "review/duplicates") if phone else VIEWS
    found = {}
    for view in views:
        shown = VIEWS[view]
        page.goto(f"{page.url.partition('#')[0]}#{view}")
        page.wait_for_selector(shown)
        found[view] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    assert found == {view: [] for view in views}


def test_a_key_of_role_search_sees_one_sentence(open_studio: Open, studio: StudioServer) -> None:
    studio.role = "search"
    page = open_studio("catalogue")
    expect(page.get_by_role("alert")).to_contain_text("may only search")
    expect(page.locator(".studio-nav")).to_be_hidden()


def test_the_table_draws_what_is_seen_and_jumps_to_the_last_row(open_studio: Open) -> None:
    page = open_studio("catalogue")
    page.locator(".vt-row").first.wait_for()
    assert page.locator(".vt-row").count() < 60
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "5001")
    grid.focus()
    page.keyboard.press("Control+End")
    expect(page.locator('.vt-row[data-index="4999"] .col-id')).to_have_text("P004999")
    page.keyboard.press("Control+Home")
    expect(page.locator('.vt-row[data-index="0"] .col-id')).to_have_text("P000000")


def test_markup_in_fields_stays_text(open_studio: Open) -> None:
    page = open_studio("catalogue")
    expect(page.locator('.vt-row[data-index="3"] .cell-title')).to_contain_text("<b>bold</b>")
    assert page.locator(".vt-row b b").count() == 0
    assert "broken" not in page.title()


def test_a_cell_is_edited_in_place_and_a_conflict_is_asked_about(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("catalogue")
    brand = page.locator('.vt-row[data-index="1"] .col-brand')
    brand.dblclick()
    page.keyboard.type("Oatly")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Saved")
    assert studio.items["P000001"]["brand"] == "Oatly"
    page.get_by_role("button", name="Undo").click()
    expect(brand).to_have_text("Alpro")
    brand.dblclick()
    page.locator(".cell-input").fill("Mine")
    wait_until(
        page, "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('P000001')).length > 1"
    )
    studio.items["P000001"]["brand"] = "Theirs"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Keep theirs").click()
    expect(brand).to_have_text("Theirs")


def test_a_change_of_another_field_is_no_conflict(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("catalogue")
    with page.expect_response("**/v1/items/P000001"):  # the item is read when a cell is edited
        page.locator('.vt-row[data-index="1"] .col-title').dblclick()
    studio.items["P000001"]["brand"] = "Theirs"
    page.locator(".cell-input").fill("Mine")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Saved")
    assert (studio.items["P000001"]["title"], studio.items["P000001"]["brand"]) == ("Mine", "Theirs")


def test_words_filters_and_deletion_with_undo(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("catalogue")
    page.get_by_role("searchbox").fill("oolong")
    expect(page.locator(".table-empty")).to_be_visible()
    page.get_by_role("searchbox").fill("coffee")
    expect(page.get_by_role("status").first).to_have_text("1,000 items")
    page.get_by_role("searchbox").press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Delete")
    expect(page.locator("#toast")).to_contain_text("2 items deleted")
    assert len(studio.items) == 4998
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").first).to_have_text("1,000 items")
    assert len(studio.items) == 5000


def test_a_double_click_saves_and_deletes_once(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("catalogue")
    page.locator('.vt-row[data-index="1"] .col-more').click()
    page.get_by_role("textbox", name="Brand").fill("Oatly")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.locator("#toast")).to_contain_text("Saved")
    page.wait_for_timeout(300)
    expect(page.locator("dialog")).to_have_count(0, timeout=1_000)  # no conflict with oneself
    assert len(studio.history["P000001"]) == 1
    page.get_by_role("grid").focus()
    page.keyboard.down("Delete")
    page.keyboard.down("Delete")  # held
    page.keyboard.press("Delete")
    expect(page.locator("#toast")).to_contain_text("1 item deleted")
    page.wait_for_timeout(300)
    expect(page.locator("#toast").get_by_role("button", name="Undo")).to_be_visible(timeout=1_000)


def test_an_import_that_runs_is_not_started_or_dropped_by_a_double_click(open_studio: Open) -> None:
    page = open_studio("catalogue")
    calls: list[str] = []
    columns = [{"column": "id", "field": "id"}]
    preview = {"columns": columns, "fields": ["id"], "rows": [], "notes": [], "skipped": [], "skipped_count": 0}
    record = {"import": "f1", "name": "shop.csv", "options": {}, "problem": None, "report": None, "job": None}

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        calls.append(f"{route.request.method} {path}")
        if path.endswith("/run") and calls.count(calls[-1]) > 1:
            return route.fulfill(status=409, json={"detail": "The import runs."})
        state = "running" if "POST /v1/imports/f1/run" in calls else "ready"
        return route.fulfill(json={**record, "state": state, "preview": {**preview, "note_count": 0, "items": 3}})

    page.route("**/v1/imports**", answer)
    table = {"name": "shop.csv", "mimeType": "text/csv", "buffer": b"id"}
    page.set_input_files(".toolbar input[type=file]", table)  # type: ignore[arg-type]
    page.get_by_role("button", name="Import 3").dblclick()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.wait_for_timeout(300)
    page.keyboard.press("Escape")
    expect(page.locator("#toast")).to_contain_text("goes on")
    assert calls.count("POST /v1/imports/f1/run") == 1
    assert not any(call.startswith("DELETE") for call in calls)


def test_one_key_decides_and_another_takes_it_back(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/duplicates")
    page.wait_for_selector(".lens img")
    for key in ("1", "3", "2"):
        page.keyboard.press(key)
    expect(page.locator(".counts b").first).to_have_text("3")
    page.keyboard.press("s")
    page.keyboard.press("u")  # the skip was not sent yet
    expect(page.locator(".task-why")).to_contain_text("task 4 ")
    wait_until(page, "!document.querySelector('.sending')")
    page.keyboard.press("u")
    expect(page.locator(".task-why")).to_contain_text("task 3 ")
    assert [(one["task"], one["given"]["verdict"], bool(one["undone"])) for one in studio.review.decisions] == [
        (1, "duplicate", False),
        (2, "different", False),
        (3, "keep_second", True),
    ]


def test_decisions_outlive_a_closed_tab_while_the_server_is_away(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/denoise")
    page.wait_for_selector(".lens img")
    studio.down = True
    for _ in range(4):
        page.keyboard.press("1")
    expect(page.locator(".sending")).to_contain_text("4 ")
    wait_stored(page, 4)
    again = page.context.new_page()
    page.close()
    studio.down = False
    again.goto(f"{studio.url}/studio#review")
    again.wait_for_selector(".queue-card")
    expect(again.locator("[data-queue=denoise] .big")).to_have_text("26")
    assert [one["task"] for one in studio.review.decisions] == [1001, 1002, 1003, 1004]


def test_boxes_are_drawn_moved_resized_and_deleted(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/boxes")
    page.wait_for_selector(".be-box")
    expect(page.locator(".be-box").first).to_be_focused()
    page.keyboard.press("ArrowRight")  # 1% of 400 pixels
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")
    expect(page.locator(".be-box")).to_have_count(1)
    frame = page.locator(".be-view").bounding_box()
    assert frame is not None
    for turn, (x, y) in enumerate(((0.6, 0.6), (0.7, 0.7), (0.8, 0.9))):
        page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
        if turn == 0:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator(".be-box")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.locator(".task-why")).to_contain_text("task 3002")
    wait_until(page, "!document.querySelector('.sending')")
    first, drawn = studio.review.decisions[0]["given"]["boxes"]
    assert first == {"box": [64, 60, 204, 304], "label": "bottle"}
    assert drawn["box"] == pytest.approx([240, 240, 320, 360], abs=2)


def test_a_batch_leaves_out_what_was_tapped_and_is_taken_back(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/merge")
    page.wait_for_selector(".differing")
    page.keyboard.press("b")
    page.locator(".batch-tile").first.click()
    page.get_by_role("button", name="Decide 1").click()
    expect(page.locator("#toast")).to_contain_text("1 task decided")
    assert [one["task"] for one in studio.review.decisions] == [2002]
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator("#toast")).to_contain_text("Taken back")
    assert studio.review.decisions[0]["undone"]


@pytest.mark.parametrize(("queue", "key", "given"), [("crops", "2", "P000001"), ("unanswered", "1", "P000000")])
def test_a_proposal_is_taken_by_its_number(
    open_studio: Open, studio: StudioServer, queue: str, key: str, given: str
) -> None:
    page = open_studio(f"review/{queue}")
    page.wait_for_selector(".proposals .tile")
    page.keyboard.press(key)
    expect(page.locator(".counts b").first).to_have_text("1")
    wait_until(page, "!document.querySelector('.sending')")
    assert studio.review.decisions[0]["given"]["item"] == given


def test_a_server_that_is_away_is_said_and_comes_back(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("log")
    page.wait_for_selector(LOADED_LOG)
    studio.down = True
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("alert")).to_contain_text("The server starts")
    studio.down = False
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".number").first).to_contain_text("5,000")


def test_rows_that_come_late_do_not_replace_those_that_were_asked_for_last(open_studio: Open) -> None:
    page = open_studio("log")
    page.wait_for_selector(LOADED_LOG)
    held: list[Route] = []
    late = {"number": 7, "item": "late", "verdict": "dropped", "command": "review", "made": "2026-11-29T10:00:00Z"}
    page.route("**/v1/review/decisions*queue=merge*", lambda route: held.append(route))
    with page.expect_request("**/v1/review/decisions*queue=merge*"):
        page.get_by_label("Queue").select_option("merge")
    with page.expect_response("**/v1/review/decisions*queue=boxes*"):
        page.get_by_label("Queue").select_option("boxes")
    with page.expect_response("**/v1/review/decisions*queue=merge*"):
        held[0].fulfill(json={"decisions": [late], "total": 1, "next": None})
    page.wait_for_timeout(200)
    expect(page.locator(".log-line")).to_have_count(0)


def test_every_language_has_every_text(open_studio: Open) -> None:
    script = """async () => {
        const loaded = async (name) => [name, Object.keys((await import(`/web/studio/strings/${name}.js`)).default)];
        return Object.fromEntries(await Promise.all(["en", "de", "zh"].map(loaded)));
    }"""
    page = open_studio(locale="de-DE")
    tables = page.evaluate(script)
    assert tables["de"] == tables["en"] == tables["zh"]
    expect(page.get_by_role("link", name=re.compile("Übersicht"))).to_be_visible()
