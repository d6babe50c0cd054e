"""One simulated reviewer: time, precision and recall, in the order of scores and at random."""

from __future__ import annotations

import random
import shutil
import statistics
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from perf.catalogue.review.near_duplicates import Truth
from perf.catalogue.review.studio_client import StudioClient
from perf.catalogue.studio_server import studio_server

THINKING = 0.8  # seconds that a person needs for a decision; they pass on a virtual clock
LOOKS = (100, 300, 1_000)
BATCH = 20
WITH_PICTURES = 300  # decisions whose pictures are fetched too, as a page does; the time of the others is theirs


@dataclass
class Session:
    """What one reviewer did.

    Args:
        right: per decision whether the pair was one picture.
        seconds: of the calls of each decision.
        lease_seconds: of each call that fetched tasks.
        pictures: fetched.
    """

    right: list[bool]
    seconds: list[float]
    lease_seconds: list[float]
    pictures: int = 0

    def row(self, order: str, duplicates: int) -> list[list[Any]]:
        """Return precision and recall after some decisions."""
        rows = []
        for looks in (*LOOKS, len(self.right)):
            if looks <= len(self.right):
                found = sum(self.right[:looks])
                rows.append([order, looks, found, f"{found / looks:.3f}", f"{found / duplicates:.3f}"])
        return rows


def review(folder: Path, work: Path, truth: Truth, order: str, most: int | None = None) -> Session:
    """Fill the queue and decide all of it, or until so many duplicates were found.

    Args:
        folder: of the catalogue, which is copied.
        work: folder of the copy.
        truth: by which the reviewer decides.
        order: `score` or `random`.
        most: duplicates after which the reviewer stops.
    """
    own = work / f"reviewed-{order}"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder, own)
    session = Session([], [], [])
    with studio_server(own) as url:
        client = StudioClient(url, "reviewer")
        client.wait(client.post("/v1/review/duplicates/refresh"))
        while True:
            begin = time.perf_counter()
            lease = client.post("/v1/review/duplicates/lease", count=BATCH, order=order)
            session.lease_seconds.append(time.perf_counter() - begin)
            if not lease["tasks"]:
                break
            for task in lease["tasks"]:
                _decide(client, lease["lease"], task, truth, session)
                if most is not None and sum(session.right) >= most:
                    client.post(f"/v1/review/leases/{lease['lease']}/return")
                    return session
    return session


def _decide(client: StudioClient, lease: str, task: dict[str, Any], truth: Truth, session: Session) -> None:
    same = truth.same(task["first"]["sha256"], task["second"]["sha256"])
    begin = time.perf_counter()
    if len(session.seconds) < WITH_PICTURES:
        for side in ("first", "second"):
            session.pictures += client.picture(task[side]["image"], 400) > 0
    verdict = {"task": task["task"], "verdict": "duplicate" if same else "different"}
    reply = client.post("/v1/review/duplicates/decide", {"lease": lease, "decisions": [verdict]})
    session.seconds.append(time.perf_counter() - begin)
    (result,) = reply["results"]
    if result["outcome"] == "decided":
        session.right.append(same)


def summary(session: Session, duplicates: int) -> list[str]:
    """Return the sentences of a session.

    Every decision is counted with the calls and pictures of the mean of those whose pictures were fetched.
    """
    found, decisions = sum(session.right), len(session.right)
    calls = statistics.mean(session.seconds[:WITH_PICTURES])
    whole = decisions * (THINKING + calls) + sum(session.lease_seconds)
    needed = 1 + next((n for n, total in enumerate(accumulate(session.right)) if total == found), decisions - 1)
    until = needed * (THINKING + calls) + sum(session.lease_seconds)
    return [
        f"{found} of {duplicates} near duplicates were found in {decisions} decisions: {whole / 60:.1f} minutes at "
        f"{THINKING} s a decision and {1000 * calls:.0f} ms of calls ({3600 * decisions / whole:.0f} decisions an "
        f"hour); the last of them after {needed} decisions, {until / 60:.1f} minutes.",
        f"A decision's calls (two pictures and the verdict) took "
        f"{1000 * statistics.median(session.seconds[:WITH_PICTURES]):.0f} ms (median), "
        f"{1000 * max(session.seconds):.0f} ms at most; without pictures "
        f"{1000 * statistics.median(session.seconds[WITH_PICTURES:]):.0f} ms; a lease of {BATCH} tasks "
        f"{1000 * statistics.median(session.lease_seconds):.0f} ms.",
    ]


def shuffled(right: list[bool], seed: int) -> list[bool]:
    """Return the same decisions in a random order."""
    return random.Random(seed).sample(right, len(right))
