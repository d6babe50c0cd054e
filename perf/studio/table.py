"""Opening, scrolling and searching the studio's table of 100,000 items, by the browser's own marks.

python -m perf.studio.table --out /tmp/listing --repeats 5
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import CDPSession

from perf.catalogue.items_listing import catalogue_of
from perf.studio.studio_page import frames, gateway, open_studio, wait_mark
from perf.web.browser import chromium

SCROLLS = {
    "steady, 20 rows a second": "grid.scrollTop + 20",
    "fast, 200 rows a second": "grid.scrollTop + 200",
    "a throw, 5,000 rows in 3 s": "300000 * (1 - (1 - t) ** 3)",
    "the bar, all 100,000 rows in 3 s": "t * grid.scrollHeight",
}
WORDS = ("chair", "red lamp", "ska", "oak mug", "zzz")


def main(
    items: Annotated[int, typer.Option(help="Items of the catalogue.")] = 100_000,
    out: Annotated[Path, typer.Option(help="Folder of the catalogue, made where missing.")] = Path("listing"),
    repeats: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Print a table of times: open, scroll, search."""
    made = catalogue_of(out / f"items-{items}", items)
    with gateway(made) as url, chromium() as browser:
        opened, again = [], []
        for _ in range(repeats):
            page = open_studio(browser, url, "catalogue")
            opened.append(wait_mark(page, "studio-table"))
            page.wait_for_timeout(300)
            page.reload()
            again.append(wait_mark(page, "studio-table"))
            page.context.close()
        line("open, a new browser", opened)
        line("open, again", again)
        page = open_studio(browser, url, "catalogue")
        wait_mark(page, "studio-table")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for name, step in SCROLLS.items():
            busy = processor_time(session)
            gaps = frames(page, step)
            share = 1000 * (processor_time(session) - busy) / len(gaps)
            late = sum(gap > 20 for gap in gaps)
            rate = f"{1000 * len(gaps) / sum(gaps):.0f} frames a second, {late} of {len(gaps)} over 20 ms"
            print(f"scroll, {name}: {rate}; {share:.1f} ms of the page's processor a frame", flush=True)
        for words in WORDS:
            taken = []
            for _ in range(repeats):
                page.evaluate("performance.clearMarks()")
                page.get_by_role("searchbox").fill(words)
                begin, end = wait_mark(page, "studio-search"), wait_mark(page, "studio-rows")
                taken.append(end - begin)
                page.evaluate("performance.clearMarks()")
                page.get_by_role("searchbox").fill("")
                wait_mark(page, "studio-rows")
            line(f"search “{words}”", taken)


def processor_time(session: CDPSession) -> float:
    """Return the seconds of processor that the page's main thread has used, whatever else the machine runs."""
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def line(name: str, values: list[float]) -> None:
    """Print the median and the worst of some times."""
    print(f"{name}: {statistics.median(values):.0f} ms, worst {max(values):.0f}", flush=True)


if __name__ == "__main__":
    typer.run(main)
