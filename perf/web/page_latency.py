"""Time from the shutter to dots and matches on the page, beside the bare call; frames of a dragged region.

Usage: python -m perf.web.page_latency URL PHOTOS [--count 30]
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Page
from whatsit_client import Client

from perf.web.browser import chromium, marks, open_page

_DRAG = """async () => {
    const times = [];
    let on = true;
    const tick = (now) => { times.push(now); if (on) requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
    const stage = document.querySelector("whatsit-stage");
    const view = stage.querySelector(".view").getBoundingClientRect();
    stage.setPointerCapture = () => {};
    const send = (type, x, y) => stage.querySelector(".crop").dispatchEvent(new PointerEvent(type, {
        bubbles: true, pointerId: 1, clientX: view.left + x * view.width, clientY: view.top + y * view.height}));
    send("pointerdown", 0.1, 0.1);
    const begin = performance.now();
    while (performance.now() - begin < 2000) {
        const t = (performance.now() - begin) / 2000;
        send("pointermove", 0.3 + 0.5 * t, 0.3 + 0.5 * Math.abs(Math.sin(6 * t)));
        await new Promise(requestAnimationFrame);
    }
    on = false;
    send("pointerup", 0.8, 0.6);
    return times.slice(1).map((time, index) => time - times[index]);
}"""


def main(
    url: Annotated[str, typer.Argument(help="Of a running server, such as http://localhost:8080.")],
    photos: Annotated[Path, typer.Argument(help="Folder of JPEG pictures.")],
    count: Annotated[int, typer.Option(min=1, help="Photos.")] = 30,
) -> None:
    """Measure photo by photo: the bare call and the page, in turn."""
    files = sorted(photos.rglob("*.jpg"))[:count]
    bare, whole, own = [], [], []
    with chromium() as browser, Client(url, timeout=60) as client:
        page = open_page(browser, url)
        _shown(page, files[0])
        client.identify(files[0].read_bytes())
        for turn in range(len(files)):
            file = files[turn]
            begin = time.perf_counter()
            client.identify(file.read_bytes())
            bare.append(1000 * (time.perf_counter() - begin))
            found = _shown(page, file)
            whole.append(found["whatsit-shown"] - found["whatsit-shutter"])
            own.append(whole[-1] - bare[-1])
        gaps = page.evaluate(_DRAG)
    print(f"{len(files)} photos, median and 90th percentile in ms")
    for name, values in (("bare identify", bare), ("shutter to matches", whole), ("the page's share", own)):
        print(f"{name:20} {statistics.median(values):7.0f} {statistics.quantiles(values, n=10)[8]:7.0f}")
    late = sum(gap > 20 for gap in gaps)
    print(f"dragged region: {len(gaps) / sum(gaps) * 1000:.0f} frames a second, {late} of {len(gaps)} over 20 ms")


def _shown(page: Page, file: Path) -> dict[str, float]:
    page.evaluate("performance.clearMarks()")
    page.set_input_files("#file", file)
    end = time.monotonic() + 60
    while "whatsit-shown" not in (found := marks(page)):  # wait_for_function needs what the page's policy forbids
        if time.monotonic() > end:
            raise TimeoutError(f"The page did not answer for {file.name}.")
        page.wait_for_timeout(30)
    return found


if __name__ == "__main__":
    typer.run(main)
