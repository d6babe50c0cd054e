"""The page beside a search: languages, keys, consent, feedback, lost servers, accessibility, weight."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.page_server import PageServer
from tests.web.test_page_search import Visit, calls_of, search
from tests.web.waiting import wait_kept, wait_until

pytestmark = pytest.mark.triton
MOST_BYTES = 150_000
# Whether the browser keeps every file that the page has loaded.
KEPT = """caches.open("whatsit-page-1").then((cache) => Promise.all(performance.getEntriesByType("resource")
    .map((one) => new URL(one.name).pathname).filter((path) => path.startsWith("/web/"))
    .map((path) => cache.match(path)))).then((kept) => kept.length > 9 && kept.every(Boolean))"""


@pytest.mark.parametrize(
    ("locale", "title"), [("de-DE", "Was ist das?"), ("zh-CN", "这是什么？"), ("fr-FR", "What is it?")]
)
def test_the_page_speaks_the_language_of_the_browser(visit: Visit, locale: str, title: str) -> None:
    page = visit(locale=locale)
    expect(page.locator(".hero h1")).to_have_text(title)


def test_a_chosen_language_stays(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Settings").click()
    page.locator("dialog select").first.select_option("de")
    expect(page.locator(".hero h1")).to_have_text("Was ist das?")
    page.reload()
    expect(page.locator(".hero h1")).to_have_text("Was ist das?")


def test_every_language_has_every_text(browser_tables: dict[str, dict[str, str]]) -> None:
    names = {language: set(table) for language, table in browser_tables.items()}
    assert names["de"] == names["en"] == names["zh"]


@pytest.fixture
def browser_tables(visit: Visit) -> dict[str, dict[str, str]]:
    script = """async () => {
        const loaded = async (name) => [name, (await import(`/web/strings/${name}.js`)).default];
        return Object.fromEntries(await Promise.all(["en", "de", "zh"].map(loaded)));
    }"""
    tables: dict[str, dict[str, str]] = visit().evaluate(script)
    return tables


def test_a_choice_is_kept_after_consent_and_taken_back(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    calls = calls_of(page, "/v1/feedback")
    page.get_by_role("button", name="This is it").first.click()
    assert calls == []  # nothing before the answer to the note
    page.get_by_role("button", name="Yes, keep them").click()
    expect(page.locator("#toast")).to_contain_text("Recorded")
    assert "id=" in calls[0].url
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toast")).to_contain_text("Taken back")
    page.get_by_role("button", name="None of these").click()
    expect(page.locator("#toast")).to_contain_text("Recorded")
    assert "kind=none" in calls[1].url


def test_nothing_is_sent_without_consent(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    calls = calls_of(page, "/v1/feedback")
    page.get_by_role("button", name="This is it").first.click()
    page.get_by_role("dialog").get_by_role("button", name="No", exact=True).click()
    page.locator(".crop").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".controls .on")
    page.wait_for_selector("whatsit-results:not([aria-busy])")
    page.wait_for_timeout(300)
    assert calls == []


def test_a_server_that_collects_nothing_asks_for_nothing(visit: Visit, page_server: PageServer) -> None:
    with page_server.other(collect="off") as url:
        page = visit(url=url)
        search(page, page_server.scenes[0])
        assert page.get_by_role("button", name="This is it").count() == 0
        assert page.get_by_role("button", name="None of these").count() == 0


def test_an_editor_adds_the_thing_in_the_photo(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    search(page, page_server.scenes[0])
    page.get_by_role("button", name="Add it to the catalogue").first.click()
    page.get_by_label("Id").fill("added-by-page")
    page.get_by_label("Title").fill("Seen <here>")
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#toast")).to_contain_text("Seen <here>")
    assert page_server.get("/v1/items/added-by-page")["title"] == "Seen <here>"


def test_a_key_is_asked_for_kept_and_forgotten(visit: Visit, page_server: PageServer) -> None:
    with page_server.other(keys=page_server.work / "keys.json", open_role=None) as url:
        page = visit(url=url)
        page.get_by_role("textbox", name="Key").fill("wk_wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_role("alert")).to_contain_text("refuses")
        page.get_by_role("textbox", name="Key").fill(page_server.keys["search"])
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator(".sample .tile img").first).to_have_attribute("src", re.compile("^blob:"))
        search(page, page_server.scenes[0])
        assert page.get_by_role("button", name="Add it to the catalogue").count() == 0  # the key may only search
        wait_kept(page, 1)
        page.reload()
        page.wait_for_selector("whatsit-results .card:not(.waiting)")


def test_the_page_waits_for_a_server_that_fell_and_goes_on(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    expect(page.locator(".sample .tile").first).to_be_visible()
    page.context.set_offline(True)
    page.set_input_files("#file", page_server.scenes[0])
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    expect(page.locator("whatsit-stage .photo")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("whatsit-results .card:not(.waiting)").first).to_be_visible(timeout=90_000)


def test_a_gateway_that_is_stopped_and_started_is_found_again(visit: Visit, page_server: PageServer) -> None:
    with page_server.other() as url:
        page = visit(url=url)
        expect(page.locator(".sample .tile").first).to_be_visible()
        page.route("**/v1/**", lambda route: route.fulfill(status=503, json={"detail": "Triton is being restarted."}))
        page.route("**/healthz", lambda route: route.fulfill(status=503, json={}))
        page.set_input_files("#file", page_server.scenes[0])
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        page.unroute("**/healthz")
        page.unroute("**/v1/**")
        expect(page.locator("whatsit-results .card:not(.waiting)").first).to_be_visible(timeout=90_000)


def test_the_page_opens_without_a_network(visit: Visit) -> None:
    page = visit()
    expect(page.locator(".sample .tile").first).to_be_visible()
    wait_until(page, KEPT)  # by the first visit alone
    page.context.set_offline(True)
    page.reload()
    expect(page.locator(".brand")).to_be_visible()
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()


def test_the_page_is_light_and_asks_nobody_else(visit: Visit, page_server: PageServer) -> None:
    page = visit()
    expect(page.locator(".sample .tile").first).to_be_visible()
    script = """() => ["resource", "navigation"].flatMap((kind) => performance.getEntriesByType(kind))
        .map((one) => [one.name, one.transferSize])"""
    files = page.evaluate(script)
    assert {urlsplit(name).netloc for name, _ in files if not name.startswith("blob:")} == {urlsplit(page.url).netloc}
    own = [size for name, size in files if "/v1/" not in name]
    assert 5_000 < sum(own) < MOST_BYTES


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_state_breaks_a_rule_of_accessibility(visit: Visit, page_server: PageServer, scheme: str) -> None:
    axe = Axe()
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator(".sample .tile").first).to_be_visible()
    broken = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"-"}

    def pretend(turn: int, **answer: object) -> None:
        page.keyboard.press("Escape")
        _pretend(page, **answer)
        search(page, page_server.scenes[turn])

    def words() -> None:
        page.locator(".brand").click()
        page.locator("#words").press("Enter")
        page.wait_for_selector(".words .tile")

    states: dict[str, Callable[[], object]] = {
        "home": lambda: None,
        "settings": page.get_by_role("button", name="Settings").click,
        "results": lambda: (page.keyboard.press("Escape"), search(page, page_server.scenes[0])),
        "filters": page.locator(".filter-box summary").click,
        "item": page.locator("whatsit-results .face").first.click,
        "missing": lambda: pretend(1, found=False),
        "unsure": lambda: pretend(2, state="unsure"),
        "gated": lambda: pretend(3, state="not_searched"),
        "words": words,
        "error": lambda: (page.set_input_files("#file", broken), page.wait_for_selector(".failure")),  # type: ignore[arg-type]
    }
    for name, act in states.items():
        act()
        page.wait_for_timeout(400)
        found = axe.run(page)
        assert found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()[:1500]}"


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (2560, 1300)])
def test_nothing_is_wider_than_the_screen(visit: Visit, page_server: PageServer, width: int, height: int) -> None:
    page = visit(viewport={"width": width, "height": height})
    expect(page.locator(".sample .tile").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    search(page, page_server.scenes[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def _pretend(page: Page, **answer: object) -> None:
    """Change the answer of further replies."""

    def change(route: object) -> None:
        reply = route.fetch()  # type: ignore[attr-defined]
        record = reply.json()
        if "answer" in record:
            state = answer.get("state", "found" if answer.get("found", True) else "not_found")
            record["answer"] |= {"state": state, **answer}
            for region in record["answer"]["regions"]:
                region["state"] = state
        route.fulfill(response=reply, json=record)  # type: ignore[attr-defined]

    page.unroute("**/v1/identify*")
    page.route("**/v1/identify*", change)
