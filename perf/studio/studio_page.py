"""A page of the studio in a browser, and its marks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from perf.web.browser import marks
from whatsit.engines.repository import default_root
from whatsit.gateway.process import GatewayProcess
from whatsit.gateway.settings import Settings

FRAMES = """async (milliseconds) => {
    const times = [];
    const grid = document.querySelector(".vt-grid");
    const begin = performance.now();
    await new Promise((resolve) => {
        const tick = (now) => {
            times.push(now);
            const t = (performance.now() - begin) / milliseconds;
            if (t >= 1) return resolve();
            grid.scrollTop = STEP;
            requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);
    });
    return times.slice(1).map((time, index) => time - times[index]);
}"""


@contextmanager
def gateway(catalogue: Path) -> Iterator[str]:
    """Run the gateway on a catalogue, without Triton, in a process of its own; give its address."""
    models = default_root() / "model_repository"
    settings = Settings(
        catalogues={"default": catalogue}, model_repository=models, upstream="http://127.0.0.1:9", open_role="admin"
    )
    process = GatewayProcess(settings, 0, 0, print)
    process.start()
    try:
        yield f"http://127.0.0.1:{process.port}"
    finally:
        process.stop()


def open_studio(browser: Browser, url: str, view: str, reviewer: str = "perf", **context: Any) -> Page:
    """Open a view of the studio in a context of its own, as one reviewer."""
    size = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **context}
    page = browser.new_context(**size).new_page()
    page.add_init_script(f"localStorage.setItem('whatsit.reviewer', JSON.stringify('{reviewer}'))")
    page.goto(f"{url}/studio#{view}")
    return page


def wait_mark(page: Page, name: str, seconds: float = 30) -> float:
    """Return the time of a mark in ms since the page was opened, as soon as it is there."""
    end = time.monotonic() + seconds
    while name not in (found := marks(page)):
        if time.monotonic() > end:
            raise TimeoutError(f"The page never came to {name}.")
        page.wait_for_timeout(20)
    return found[name]


def wait_for(page: Page, expression: str, seconds: float = 60) -> None:
    """Wait until a JavaScript expression is true; the page's policy forbids `wait_for_function`."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"`{expression}` was not true within {seconds:.0f} s.")
        page.wait_for_timeout(30)


def frames(page: Page, step: str, milliseconds: int = 3000) -> list[float]:
    """Scroll the table by a script for some time; return the ms between frames.

    Args:
        page: with the table.
        step: JavaScript of the new position, of `t` (0 to 1) and `grid`.
        milliseconds: how long.
    """
    gaps: list[float] = page.evaluate(FRAMES.replace("STEP", step), milliseconds)
    return gaps
