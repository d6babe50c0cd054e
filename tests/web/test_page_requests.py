"""The page on a server in memory: requests that are cancelled or sent twice, and a browser without space."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.studio_server import Reply, StudioServer, _json
from tests.web.studio_tasks import Record
from tests.web.waiting import wait_kept, wait_until

MATCHES = "whatsit-results :is(.card, .answer):not(.waiting)"


class SearchServer(StudioServer):
    """Finds the same item in every photo, and counts what is chosen."""

    def __init__(self, pictures: list[Path]) -> None:
        super().__init__(pictures)
        self.searches = 0
        self.feedback: list[str] = []

    def _call(self, method: str, path: str, query: Record, body: Record, tag: str | None) -> Reply:
        if path == "/session":
            names = {
                "role": "search",
                "key": "",
                "collect": "clicks",
                "catalogue": "default",
                "catalogues": ["default"],
            }
            return _json({**names, "items": len(self.items), "body_bytes": 10**8})
        if path == "/identify":
            self.searches += 1
            matches = [{"item": item, "score": 1.8, "confidence": 0.9} for item in list(self.items.values())[:5]]
            region = {"box": [0, 0, 100, 100], "label": "image", "score": 1, "matches": matches}
            answer = {"found": True, "state": "found", "region": 0, "probability": 0.9, "regions": [{"state": "found"}]}
            return _json({"regions": [region], "answer": {**answer, "title": "Milk"}, "intent": {}})
        if path.startswith("/feedback"):
            if method == "DELETE":
                self.feedback.remove(path.rpartition("/")[2])
                return 204, {}, b""
            self.feedback.append(f"token{len(self.feedback)}")
            return _json({"feedback": self.feedback[-1]})
        return super()._call(method, path, query, body, tag)


@pytest.fixture
def server(shop: Path) -> Iterator[SearchServer]:
    started = SearchServer(sorted((shop / "images").glob("*.jpg")))
    thread = threading.Thread(target=started.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield started
    started.go.set()
    started.server.shutdown()
    started.server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Browser, server: SearchServer, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page; without a service worker, past which requests may be missed, unless the parameter is "allow"."""
    workers = getattr(request, "param", "block")
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB", service_workers=workers)
    opened = context.new_page()
    opened.goto(server.url)
    expect(opened.locator(".sample .tile").first).to_be_visible()
    yield opened
    context.close()


def choose_photo(page: Page, server: SearchServer, number: int = 0) -> None:
    photo = {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": server.pictures[number]}
    page.set_input_files("#file", photo)  # type: ignore[arg-type]


def phases(page: Page) -> Callable[[], Any]:
    """Note the phases of the page from now on; return a function that returns them."""
    page.evaluate(
        """() => { window.phases = []; new MutationObserver(() => window.phases.push(document.body.dataset.phase))
        .observe(document.body, {attributes: true}); }"""
    )
    return lambda: page.evaluate("window.phases")


def test_a_reply_that_is_cancelled_midway_is_no_lost_connection(page: Page, server: SearchServer) -> None:
    server.go.clear()
    with page.expect_response("**/v1/identify*"):  # its head
        choose_photo(page, server)
    seen = phases(page)
    choose_photo(page, server, 1)
    wait_until(page, "window.phases.length > 0")
    page.wait_for_timeout(500)
    server.go.set()
    page.wait_for_selector(MATCHES)
    assert "offline" not in seen()


def test_a_server_that_is_looked_for_does_not_end_another_view(page: Page, server: SearchServer) -> None:
    page.route("**/v1/identify*", lambda route: route.fulfill(status=503, json={"detail": "Triton starts."}))
    held: list[Any] = []
    page.route("**/healthz", lambda route: held.append(route))
    with page.expect_request("**/healthz"):
        choose_photo(page, server)
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    page.locator(".brand").click()
    expect(page.locator(".hero")).to_be_visible()
    held[0].fulfill(status=503, json={})
    page.wait_for_timeout(300)
    expect(page.locator(".hero")).to_be_visible(timeout=1_000)


def test_a_photo_that_is_chosen_before_the_linked_one_is_found_stays(page: Page, server: SearchServer) -> None:
    choose_photo(page, server)
    page.wait_for_selector(MATCHES)
    wait_kept(page, 1)
    linked = page.url
    held: list[Any] = []
    page.route("**/v1/session", lambda route: held.append(route))
    with page.expect_request("**/v1/session"):
        page.goto(f"{linked}&box=1,1,40,40")
    choose_photo(page, server, 1)
    wait_kept(page, 2)
    held[0].continue_()
    page.wait_for_selector(MATCHES)
    page.wait_for_timeout(300)
    assert page.url != linked
    assert "box" not in page.url
    assert "photo=" in page.url


def test_a_double_click_records_one_choice_and_undo_takes_it_back(page: Page, server: SearchServer) -> None:
    page.evaluate("localStorage.setItem('whatsit.consent', 'true')")
    choose_photo(page, server)
    page.wait_for_selector(MATCHES)
    page.get_by_role("button", name="This is it").first.dblclick()
    expect(page.locator("#toast")).to_contain_text("Recorded")
    page.wait_for_timeout(300)
    assert len(server.feedback) == 1
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toast")).to_contain_text("Taken back")
    assert server.feedback == []


@pytest.mark.parametrize("page", ["allow"], indirect=True)
def test_a_browser_without_space_shows_the_files_of_now(page: Page, server: SearchServer) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()  # now its files pass the service worker
    expect(page.locator(".sample .tile").first).to_be_visible()
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": server.url, "quotaSize": 1})
    newer = "document.documentElement.dataset.version = 'new'; " + (server.folder / "src" / "toast.js").read_text()
    server.pages["src/toast.js"] = newer
    page.reload()
    expect(page.locator(".sample .tile").first).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.version") == "new"
