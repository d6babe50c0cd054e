"""Every review queue on a real Triton: from the first key to the decision log, and back by undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from perf.studio.review_shop import make_review_shop
from tests.web.page_server import PageServer
from tests.web.waiting import wait_stored, wait_until

pytestmark = [pytest.mark.triton, pytest.mark.slow]
Visit = Callable[..., Page]
FIRST = ".task-stage :is(.lens img, .be-box, .searched img, .cluster img)"
PAIRS, OTHERS = 40, 5
SLOW = 90_000  # ms: other programs may keep the machine busy


@pytest.fixture(scope="module")
def server(page_server: PageServer) -> PageServer:
    """The page's server with tasks in every queue."""
    make_review_shop(Path(page_server.settings.catalogues["default"]), PAIRS, OTHERS, sample=0.0)
    return page_server


def review(visit: Visit, queue: str, name: str = "ann") -> Page:
    page = visit("/studio")
    page.evaluate("name => localStorage.setItem('whatsit.reviewer', JSON.stringify(name))", name)
    page.goto(f"{page.url.partition('#')[0]}#review/{queue}")
    page.reload()
    page.wait_for_selector(FIRST)
    return page


def decisions(server: PageServer, **query: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    found: list[dict[str, Any]] = server.get(f"/v1/review/decisions?{asked}")["decisions"]
    return [one for one in found if one["command"] == "review"]  # an undo is a line of its own


def sent(page: Page) -> None:
    wait_until(page, "!document.querySelector('.sending')")


@pytest.mark.parametrize(
    ("queue", "key", "verdict"),
    [
        ("duplicates", "1", "dropped"),
        ("denoise", "1", "dropped"),
        ("merge", "1", "merged"),
        ("boxes", "Enter", "labelled"),
        ("crop_boxes", "Enter", "labelled"),
        ("crops", "1", "assigned"),
        ("unanswered", "n", "not_for_sale"),
    ],
)
def test_a_queue_from_the_first_key_to_the_log_and_back(
    visit: Visit, server: PageServer, queue: str, key: str, verdict: str
) -> None:
    page = review(visit, queue)
    page.keyboard.press(key)
    expect(page.locator(".counts b").first).to_have_text("1", timeout=SLOW)
    sent(page)
    (made,) = decisions(server, queue=queue, standing="true")
    assert (made["verdict"], made["who"], made["undone"]) == (verdict, "ann", None)
    page.keyboard.press("u")
    expect(page.locator(".counts b").first).to_have_text("0", timeout=SLOW)
    assert decisions(server, queue=queue, standing="true") == []
    page.keyboard.press(key)  # the task is there again, and another key decides it
    sent(page)
    page.goto(f"{page.url.partition('#')[0]}#log")
    line = page.locator(".log-line:not(.undone)").filter(has=page.get_by_role("button", name="Undo")).first
    expect(line).to_contain_text("ann", timeout=SLOW)
    number = line.get_attribute("data-decision")
    line.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.log-line.undone[data-decision="{number}"]')).to_be_visible(timeout=SLOW)
    assert decisions(server, queue=queue, standing="true") == []


def test_two_browsers_on_a_queue_never_meet(visit: Visit, server: PageServer) -> None:
    people = [review(visit, "duplicates", name) for name in ("bo", "cy")]
    for key in ("3", "3"):
        for page in people:
            page.keyboard.press(key)
            sent(page)
    found = decisions(server, queue="duplicates", standing="true")
    assert sorted(one["who"] for one in found) == ["bo", "bo", "cy", "cy"]
    assert len({one["task"] for one in found}) == 4


def test_a_closed_tab_loses_nothing(visit: Visit, server: PageServer) -> None:
    page = review(visit, "duplicates", "di")
    page.route("**/decide*", lambda route: route.abort())  # a network that fails as the tab closes
    for _ in range(3):
        page.keyboard.press("3")
    wait_stored(page, 3)
    again = page.context.new_page()
    page.close()
    again.goto(f"{server.url}/studio#review")
    again.wait_for_selector(".queue-card")
    wait_until(again, "document.querySelector('[data-queue=duplicates]') !== null")
    expect(again.locator("#toast")).to_contain_text("3 decisions")
    again.wait_for_timeout(500)
    assert len(decisions(server, who="di")) == 3
    again.close()
