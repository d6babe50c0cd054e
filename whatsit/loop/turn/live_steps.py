"""Last steps of a turn: roll-out, watch, and the way back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from whatsit.catalogue.serving_pair import read_pair
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.loop.background_embedding import Pace
from whatsit.loop.ray_embedding import RayCluster, ray_embedding
from whatsit.loop.rollout import Rollout
from whatsit.loop.turn.steps import Progress, Result, Turn
from whatsit.loop.turn.training_step import NETWORK
from whatsit.loop.turn.turn_state import now
from whatsit.loop.turn.watch import Comparison, Traffic, compare_traffic, count_traffic, first_day


def roll_out(turn: Turn, progress: Progress, cluster: RayCluster | None = None) -> Result:
    """Embed the catalogue with the new network and switch to it; may be repeated.

    Raises:
        WhatsitError: see `Rollout`.
    """
    network = turn.folder / NETWORK
    fingerprint = embedder_fingerprint(network)
    pair = read_pair(turn.catalogue)
    rollout = Rollout(turn.catalogue, turn.model_repository, progress)
    left_out: dict[int, str] = {}
    recipe = turn.recipe.rollout
    if pair is None or pair.serving != fingerprint:
        embedding = None if cluster is None else ray_embedding(cluster)
        left_out = rollout.start(network, Pace(recipe.threads, recipe.share), recipe.shadow, embedding)
        with turn.store() as store:
            before = count_traffic(store, first_day(_time(now()), turn.recipe.watch))
        rollout.switch(leave_out=True, wait=recipe.wait)
    else:  # killed between the switch and the note of it
        with turn.store() as store:
            before = count_traffic(store, first_day(_time(now()), turn.recipe.watch))
    return {
        "fingerprint": fingerprint,
        "before": turn.state.serving,
        "left_out": len(left_out),
        "switched": now(),
        "traffic": before.to_record(),
    }


def look(turn: Turn) -> Comparison:
    """Compare the traffic since the switch with that before it."""
    before = Traffic(**turn.state.steps["rollout"]["traffic"])
    since = first_day(_time(turn.state.steps["rollout"]["switched"]), turn.recipe.watch)
    with turn.store() as store:
        return compare_traffic(before, count_traffic(store, since).minus(before), turn.recipe.watch)


def watch(turn: Turn, progress: Progress, sleep: Callable[[float], None] = time.sleep) -> Result | None:
    """Go back where fewer searches are answered or clicked.

    None while there are too few searches to tell.

    Raises:
        WhatsitError: see `Rollout`.
    """
    recipe = turn.recipe.watch
    deadline = time.monotonic() + 60 * recipe.wait_minutes
    found = look(turn)
    while found.verdict == "waiting" and time.monotonic() < deadline:
        progress("Watching searches", found.after.searches, recipe.searches)
        sleep(min(recipe.every_seconds, max(deadline - time.monotonic(), 0.0)))
        found = look(turn)
    if found.verdict == "waiting":
        return None
    rollout = Rollout(turn.catalogue, turn.model_repository, progress)
    pair = read_pair(turn.catalogue)
    ours = pair is not None and pair.serving == turn.state.steps["rollout"]["fingerprint"]
    if found.verdict == "fallen":
        if ours and pair is not None and pair.switched:
            rollout.back(leave_out=True, wait=turn.recipe.rollout.wait)
        if (pair := read_pair(turn.catalogue)) is not None and pair.beside and not pair.switched:
            rollout.abort()
    elif ours and recipe.finish and pair is not None and pair.switched:
        rollout.finish()
    return found.to_record()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
