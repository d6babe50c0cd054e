"""The screenshots of docs/studio.md, on a catalogue of drawn products.

python -m perf.studio.screenshots docs/images
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image
from playwright.sync_api import Browser, Page

from perf.studio.import_file import packed
from perf.studio.review_shop import make_review_shop
from perf.studio.studio_page import gateway, open_studio
from perf.web.browser import chromium

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "device_scale_factor": 1.5}
WIDE: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
LOADED = "() => [...document.querySelectorAll('main img')].every((one) => one.complete || one.loading === 'lazy')"


def press(*keys: str) -> Callable[[Page], None]:
    """Return what presses keys at a task, each once the task before is gone."""

    def act(page: Page) -> None:
        page.wait_for_selector(".task-stage :is(img, .be-box)")
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(500)

    return act


def shown(selector: str) -> Callable[[Page], None]:
    """Return what waits for an element."""
    return lambda page: page.locator(selector).first.wait_for()


def edited(page: Page) -> None:
    """Choose two rows and begin to change a cell."""
    page.wait_for_selector(".vt-row .col-pick")
    for row in (1, 3):
        page.locator(f'.vt-row[data-index="{row}"] .col-pick').click()
    page.locator('.vt-row[data-index="5"] .col-brand').dblclick()


def imported(page: Page) -> None:
    """Send a table and wait for its mapping."""
    page.wait_for_selector(".vt-row")
    file = {"name": "Neuheiten.zip", "mimeType": "application/zip", "buffer": packed(range(30))}
    page.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
    page.wait_for_selector(".mapping")


def opened(page: Page) -> None:
    """Open an item with its history."""
    page.locator('.vt-row[data-index="1"] .col-more .open-item').click()
    page.wait_for_selector(".history li")


STATES: dict[str, tuple[str, dict[str, Any], Callable[[Page], None]]] = {
    "duplicates": ("review/duplicates", WIDE, press("1", "1", "3", "1", "d")),
    "overview": ("overview", WIDE, shown(".number")),
    "overview-phone-dark": ("overview", PHONE, shown(".number")),
    "catalogue": ("catalogue", WIDE, edited),
    "item-dark": ("catalogue", WIDE, opened),
    "import": ("catalogue", WIDE, imported),
    "review": ("review", WIDE, shown(".queue-card")),
    "merge-dark": ("review/merge", WIDE, press()),
    "boxes": ("review/boxes", WIDE, press()),
    "unanswered": ("review/unanswered", WIDE, press()),
    "crop-boxes": ("review/crop_boxes", WIDE, shown(".be-box")),
    "wrong-phone": ("review/denoise", PHONE, press()),
    "catalogue-phone-dark": ("catalogue", PHONE, shown(".vt-row .col-face img:not([hidden])")),
    "log": ("log", WIDE, shown(".log-line")),
    "batch": ("review/duplicates", WIDE, press("b")),
}


def main(
    out: Annotated[Path, typer.Argument(help="Folder of the pictures.")],
    only: Annotated[str, typer.Option(help="Part of the names to take.")] = "",
) -> None:
    """Take all screenshots."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_review_shop(Path(folder) / "catalogue", 60, 12)
        with gateway(made) as url, chromium() as browser:
            for name in STATES:
                if only in name:
                    take(browser, url, name, out / f"studio-{name}.jpg")
                    print(name, flush=True)


def take(browser: Browser, url: str, name: str, path: Path) -> None:
    """Open a state and save its picture."""
    view, context, act = STATES[name]
    dark = {"color_scheme": "dark"} if "dark" in name else {}
    page = open_studio(browser, url, view, "Ann", **context, **dark)
    act(page)
    for _ in range(100):
        if page.evaluate(LOADED):
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(600)
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(path, quality=82, optimize=True, progressive=True)
    page.goto("about:blank")  # gives the tasks back
    page.context.close()


if __name__ == "__main__":
    typer.run(main)
