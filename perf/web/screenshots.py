"""The screenshots of the documentation: every state of the page, on phone and desktop, light and dark.

Usage: python -m perf.web.screenshots URL SCENES docs/images
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from perf.web.browser import chromium, open_page

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "device_scale_factor": 1.5}
TABLET = {"viewport": {"width": 834, "height": 1112}}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}


def pretend(page: Page, **answer: Any) -> None:
    """Change the answer of the replies, to show a state that the demo's photos seldom have."""

    def change(route: Route) -> None:
        reply = route.fetch()
        record = reply.json()
        record["answer"] |= answer
        route.fulfill(response=reply, json=record)

    page.route("**/v1/identify*", change)


def searched(page: Page, photo: Path) -> None:
    """Search a photo and wait until all is shown."""
    page.set_input_files("#file", photo)
    page.wait_for_selector("whatsit-results :is(.card, .answer):not(.waiting)")
    page.wait_for_timeout(1200)


def main(
    url: Annotated[str, typer.Argument(help="Of a server of the demo's catalogue.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes.")],
    out: Annotated[Path, typer.Argument(help="Folder of the pictures.")],
) -> None:
    """Take all screenshots."""
    photos = sorted(scenes.glob("*.jpg"))
    with chromium() as browser:
        for name, (context, act) in _states(photos).items():
            page = _page(browser, url, name, context)
            act(page)
            page.wait_for_timeout(500)
            _save(page, out / f"page-{name}.jpg")
            page.context.close()
            print(name, flush=True)


def _page(browser: Browser, url: str, name: str, context: dict[str, Any]) -> Page:
    dark = {"color_scheme": "dark"} if "dark" in name else {}
    return open_page(browser, url, **context, **dark)


def _states(photos: list[Path]) -> dict[str, tuple[dict[str, Any], Callable[[Page], object]]]:
    def missing(page: Page) -> None:
        pretend(page, found=False, ids=[], region=None)
        searched(page, photos[1])

    def unsure(page: Page) -> None:
        pretend(page, state="unsure")
        searched(page, photos[2])

    def gated(page: Page) -> None:
        pretend(page, state="not_searched")
        searched(page, photos[3])

    def region(page: Page) -> None:
        searched(page, photos[0])
        page.locator(".crop").focus()
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_selector(".controls .on")
        page.wait_for_selector("whatsit-results:not([aria-busy])")

    def filters(page: Page) -> None:
        page.locator("#words").fill("honey")
        page.locator("#words").press("Enter")
        page.wait_for_selector(".words .tile")

    def item(page: Page) -> None:
        searched(page, photos[0])
        page.locator("whatsit-results .face").first.click()
        page.wait_for_selector("dialog section .tile")
        page.wait_for_timeout(800)

    def offline(page: Page) -> None:
        page.context.set_offline(True)
        page.set_input_files("#file", photos[4])
        page.wait_for_selector(".failure")

    def waiting(page: Page) -> None:
        page.route("**/v1/identify*", lambda route: None)
        page.set_input_files("#file", photos[5])
        page.wait_for_selector("whatsit-results[aria-busy]")

    def camera(page: Page) -> None:
        page.get_by_role("button", name="Take a photo").first.click()
        page.wait_for_selector("dialog.camera")
        page.wait_for_timeout(1500)

    return {
        "home": (DESKTOP, lambda page: page.wait_for_timeout(600)),
        "home-phone-dark": (PHONE, lambda page: page.wait_for_timeout(600)),
        "found": (DESKTOP, lambda page: searched(page, photos[0])),
        "found-dark": (DESKTOP, lambda page: searched(page, photos[5])),
        "found-phone": (PHONE, lambda page: searched(page, photos[0])),
        "region-tablet": (TABLET, region),
        "unsure": (DESKTOP, unsure),
        "missing-phone": (PHONE, missing),
        "gated-phone-dark": (PHONE, gated),
        "words": (DESKTOP, filters),
        "item-dark": (DESKTOP, item),
        "offline-phone": (PHONE, offline),
        "waiting": (DESKTOP, waiting),
        "no-camera-phone": (PHONE, camera),
    }


def _save(page: Page, path: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=84, optimize=True, progressive=True)


if __name__ == "__main__":
    typer.run(main)
