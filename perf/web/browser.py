"""A browser with the page of a running server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from whatsit_client.errors import Unavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Run the machine's Chromium.

    Raises:
        Unavailable: there is none.
    """
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    if found is None:
        raise Unavailable("There is no Chromium here: on Debian, apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", *flags])
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, url: str, **context: Any) -> Page:
    """Open the page in a context of its own, and wait for its first items."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **context}).new_page()
    page.goto(url)
    page.wait_for_selector(".sample .tile, .words .tile, whatsit-results .card")
    return page


def marks(page: Page) -> dict[str, float]:
    """Return the page's marks, ms since it was opened; the latest of each name."""
    script = "() => Object.fromEntries(performance.getEntriesByType('mark').map((one) => [one.name, one.startTime]))"
    found: dict[str, float] = page.evaluate(script)
    return found
