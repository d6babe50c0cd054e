"""Split of clicks by item and time: the latest ones measure, and never train."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from whatsit.loop.turn.collected_clicks import LabelledPhoto
from whatsit.loop.turn.loop_recipe import Splitting
from whatsit.loop.turn.photo_vectors import Floats


@dataclass(frozen=True)
class SplitClicks:
    """Places of clicks.

    Args:
        training: that train.
        held_out: that measure in this turn and in all later ones.
        same: left out, for they show what a held-out photo shows.
    """

    training: tuple[int, ...]
    held_out: tuple[int, ...]
    same: tuple[int, ...]


def split_by_time(
    photos: Sequence[LabelledPhoto],
    vectors: Floats,
    recipe: Splitting,
    held_out_before: frozenset[int] = frozenset(),
    trained_before: frozenset[int] = frozenset(),
) -> SplitClicks:
    """Hold out the latest new clicks of every item.

    Photos of an item that were taken one after the other stay together, and an item keeps something to train on.

    Args:
        photos: kept clicks.
        vectors: of them, f32 [n, D].
        recipe: limits.
        held_out_before: clicks that an earlier turn held out: they never train.
        trained_before: clicks that an earlier turn trained on: they never measure.
    """
    held = {place for place, photo in enumerate(photos) if photo.click in held_out_before}
    by_item = defaultdict[str, list[int]](list)
    for place, photo in enumerate(photos):
        if place not in held and photo.click not in trained_before:
            by_item[photo.item].append(place)
    for places in by_item.values():
        bursts = _bursts(sorted(places, key=lambda place: photos[place].made), photos, recipe.burst_minutes)
        wanted = recipe.held_out * len(places)
        taken: list[int] = []
        for burst in reversed(bursts[1:]):
            if len(taken) + len(burst) / 2 > wanted:
                break
            taken += burst
        held |= set(taken)
    training = [place for place in range(len(photos)) if place not in held]
    measured = sorted(held)
    same: set[int] = set()
    if measured and training:
        alike = (vectors[training] @ vectors[measured].T).max(axis=1) >= recipe.same_photo
        same = {place for place, like in zip(training, np.asarray(alike).tolist(), strict=True) if like}
    return SplitClicks(tuple(place for place in training if place not in same), tuple(measured), tuple(sorted(same)))


def _bursts(places: Sequence[int], photos: Sequence[LabelledPhoto], minutes: float) -> list[list[int]]:
    """Return groups of clicks with no longer pause within them."""
    groups: list[list[int]] = []
    last: datetime | None = None
    for place in places:
        made = datetime.fromisoformat(photos[place].made)
        if last is None or (made - last).total_seconds() > 60 * minutes:
            groups.append([])
        groups[-1].append(place)
        last = made
    return groups
