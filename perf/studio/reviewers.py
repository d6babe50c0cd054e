"""Five people in five browser contexts review 500 tasks of one queue; two close their tab in the middle.

python -m perf.studio.reviewers

Each person presses keys as fast as the page shows the next task with its pictures. Printed: what was decided twice or
lost, the agreement on the overlap sample, and the time from a key to the next task as it is seen.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from playwright.sync_api import Browser, Page

from perf.studio.review_shop import make_review_shop
from perf.studio.studio_page import gateway, open_studio
from perf.web.browser import chromium

PEOPLE, LEAVING = 5, 2
WRONG = 0.05  # share of decisions at which a person errs
STATE = """() => ({
    task: document.querySelector(".task-stage .lens img") ? document.querySelector(".task-why p")?.textContent : null,
    ended: Boolean(document.querySelector(".all-done")),
    decided: Number(document.querySelector(".counts b")?.textContent.replace(/\\D/g, "") || 0),
    sending: Boolean(document.querySelector(".sending")),
})"""
TIMES = """async (key) => {
    const images = () => [...document.querySelectorAll(".task-stage .lens img")];
    const ready = () => images().every((one) => one.complete && one.naturalWidth);
    const [before] = images();
    const begin = performance.now();
    const waits = () => performance.now() - begin < 2000;
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    while (images()[0] === before && waits()) await new Promise(requestAnimationFrame);
    while (!ready() && waits()) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return document.querySelector(".lens img") ? performance.now() - begin : null;
}"""


class Person:
    """A reviewer in a browser context of their own."""

    def __init__(self, browser: Browser, url: str, number: int) -> None:
        self.name = f"person {number}"
        self.dice = random.Random(number)
        self.page: Page | None = open_studio(browser, url, "review/duplicates", self.name)
        self.leaves_after = 40 if number < LEAVING else None
        self.pressed = 0
        self.times: list[float] = []

    def step(self) -> bool:
        """Press a key where a task is shown; return whether there was anything to do."""
        if self.page is None:
            return False
        state = self.page.evaluate(STATE)
        if state["ended"]:
            return bool(state["sending"])
        if state["task"] is None:
            return True
        key = "3" if self.dice.random() < WRONG else "1"
        taken = self.page.evaluate(TIMES, key)
        self.pressed += 1
        if taken is not None:
            self.times.append(taken)
        if self.pressed == self.leaves_after:
            self.page.close()  # the last keys may not have been sent
            self.page = None
        return True

    def look_again(self) -> None:
        """Ask the queue for more: what others held may be free."""
        if self.page is not None and self.page.locator(".all-done").count():
            self.page.get_by_role("button", name="Try again").click()


def main(
    tasks: Annotated[int, typer.Option(min=20, help="Of the queue of near duplicates.")] = 500,
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share given to two people.")] = 0.2,
    minutes: Annotated[float, typer.Option(help="Longest run.")] = 4.5,
) -> None:
    """Let them work, and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_review_shop(Path(folder) / "catalogue", tasks, 2, sample)
        with gateway(made) as url, chromium() as browser:
            people = [Person(browser, url, number) for number in range(PEOPLE)]
            begin = time.monotonic()
            pressed = work(people, url, begin + 60 * minutes)
            took = time.monotonic() - begin
            report(url, people, tasks, pressed, took)


def work(people: list[Person], url: str, end: float) -> int:
    """Let people press keys in turn until nothing is left; return how many keys."""
    while time.monotonic() < end:
        busy = [person.step() for person in people]
        if any(busy):
            continue
        if not queue(url)["open"]:
            break
        time.sleep(0.5)
        for person in people:
            person.look_again()
    return sum(person.pressed for person in people)


def report(url: str, people: list[Person], tasks: int, pressed: int, took: float) -> None:
    """Print what the server knows."""
    rows: list[dict[str, Any]] = []
    while len(page := get(url, f"/v1/review/decisions?queue=duplicates&limit=200&offset={len(rows)}")["decisions"]):
        rows += page
    counts = Counter(row["task"] for row in rows if not row["undone"])
    left = queue(url)["open"]
    agreement = get(url, "/v1/review/agreement?queue=duplicates")["queues"][0]
    times = sorted(value for person in people for value in person.times)
    print(f"{PEOPLE} contexts, {LEAVING} closed after 40 keys, {tasks} tasks, {pressed} keys in {took:.0f} s")
    twice, lost = sum(n > 1 for n in counts.values()), tasks - len(counts) - left
    print(f"decided: {len(counts)}; twice: {twice}; open: {left}; lost: {lost}")
    print("by:", dict(Counter(row["who"] for row in rows)))
    print("agreement:", {name: agreement[name] for name in ("sample", "both", "same", "agreement", "kappa")})
    print(
        f"key to next task seen: median {statistics.median(times):.0f} ms, 95% {times[int(0.95 * len(times))]:.0f} ms"
    )


def queue(url: str) -> dict[str, Any]:
    """Return the state of the queue of near duplicates."""
    return next(one for one in get(url, "/v1/review")["queues"] if one["queue"] == "duplicates")


def get(url: str, path: str) -> Any:
    """Return the JSON of a path."""
    with urllib.request.urlopen(url + path, timeout=60) as reply:
        return json.load(reply)


if __name__ == "__main__":
    typer.run(main)
