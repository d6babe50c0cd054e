"""Leases and decisions of the studio where a view ends, a page is loaded again, or two tabs are open."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.studio_server import StudioServer
from tests.web.waiting import wait_stored

Open = Callable[..., Page]


def wait_for(page: Page, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a state of the server."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "The server did not come to that state in time."
        page.wait_for_timeout(40)


@pytest.mark.parametrize("leave", ["reload", "another view"])
def test_tasks_that_were_asked_for_are_given_back(open_studio: Open, studio: StudioServer, leave: str) -> None:
    """Their answer never comes: the tab is reloaded, or another view is shown, while the server works."""
    page = open_studio("overview")
    studio.go.clear()
    page.goto(f"{studio.url}/studio#review/merge")
    wait_for(page, lambda: bool(studio.review.leases))
    if leave == "reload":
        page.reload()
    else:
        page.get_by_role("link", name="Overview").click()
        page.wait_for_selector(".number")
        page.goto(f"{studio.url}/studio#review/merge")
    studio.go.set()
    page.wait_for_selector(".differing")
    (lease,) = [tasks for tasks in studio.review.leases.values() if tasks]
    assert lease[0] == min(studio.review.tasks["merge"])


@pytest.mark.parametrize("leave", ["another view", "reload", "batch"])
def test_a_skip_does_not_keep_the_other_tasks_of_its_lease(open_studio: Open, studio: StudioServer, leave: str) -> None:
    """A skip waits for the next decision, so that it can be taken back; there is none."""
    page = open_studio("review/merge")
    page.wait_for_selector(".differing")
    (lease,) = studio.review.leases
    page.keyboard.press("s")
    if leave == "another view":
        page.get_by_role("link", name="Overview").click()
    elif leave == "reload":
        wait_stored(page, 1)
        page.reload()
    else:
        page.keyboard.press("b")
        page.wait_for_selector(".batch-tile")
    wait_for(page, lambda: lease not in studio.review.leases)


def test_a_duplicated_tab_leaves_the_tasks_of_the_first_alone(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/merge")
    page.wait_for_selector(".differing")
    (lease,) = studio.review.leases
    with page.context.expect_page() as opened:
        page.evaluate("void window.open(location.href)")  # with a copy of the session storage
    opened.value.wait_for_selector(".differing")
    assert studio.review.leases.get(lease)


def test_another_tab_does_not_send_what_may_be_taken_back(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/denoise")
    page.wait_for_selector(".lens img")
    page.route("**/decide*", lambda route: route.abort())
    page.keyboard.press("1")
    page.keyboard.press("1")
    wait_stored(page, 2)
    other = page.context.new_page()
    other.goto(f"{studio.url}/studio#overview")
    other.wait_for_selector(".number")
    other.wait_for_timeout(500)
    page.keyboard.press("u")
    wait_stored(page, 1)
    page.close()
    wait_for(other, lambda: bool(studio.review.decisions))  # by the tab that is left
    wait_stored(other, 0)
    assert [one["task"] for one in studio.review.decisions] == [1001]


def test_a_dialog_about_a_task_ends_with_its_view(open_studio: Open) -> None:
    page = open_studio("overview")
    page.wait_for_selector(".number")
    page.evaluate("location.hash = 'review/crops'")
    page.wait_for_selector(".proposals .tile")
    page.keyboard.press("f")
    page.wait_for_selector("dialog .tile")
    page.go_back()
    page.wait_for_selector(".number")
    expect(page.locator("dialog")).to_have_count(0, timeout=5_000)


def test_a_batch_that_is_asked_for_twice_holds_no_tasks(open_studio: Open, studio: StudioServer) -> None:
    page = open_studio("review/merge")
    page.wait_for_selector(".differing")
    page.evaluate(
        """for (const _ of "12") document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "b", bubbles: true}))"""
    )
    page.wait_for_selector(".batch-tile")
    page.wait_for_timeout(500)
    assert studio.review.leases == {}
