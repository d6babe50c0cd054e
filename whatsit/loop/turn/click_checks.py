"""Checks of clicks against the catalogue and against one another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from whatsit.loop.turn.collected_clicks import LabelledPhoto
from whatsit.loop.turn.loop_recipe import Cleaning
from whatsit.loop.turn.photo_vectors import Floats, PhotoVectors, nearest_items

Check = Literal[
    "", "unreadable", "repeated", "unlike the item", "contradicted", "item contradicted", "more than needed"
]
CHECKS: dict[Check, str] = {
    "unreadable": "The photo cannot be read.",
    "repeated": "The same photo was clicked before, or for two items.",
    "unlike the item": "Many other items look more like the photo.",
    "contradicted": "Similar photos were clicked as another item.",
    "item contradicted": "Most clicks of this item are contradicted, so none of them trains.",
    "more than needed": "The item has enough later clicks.",
}
_MOST_RANKS = 50
_NEARLY = 0.05  # cosine by which a voter may look less like the photo than the item's own picture


@dataclass(frozen=True)
class CheckedClick:
    """A click and what the checks say.

    Args:
        photo: the click.
        check: that refused it, "" where it is kept.
        rank: of the item among those that look like the photo, 1 for the first; 0 where it is not known.
        agreement: share of the similar photos with the same item, 0..1.
        said: item that most similar photos have.
    """

    photo: LabelledPhoto
    check: Check = ""
    rank: int = 0
    agreement: float = 0.0
    said: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**self.photo.to_record(), "check": self.check, "rank": self.rank,
                "agreement": round(self.agreement, 3), "said": self.said}  # fmt: skip


def check_clicks(
    photos: Sequence[LabelledPhoto],
    vectors: PhotoVectors,
    gallery: tuple[Floats, Sequence[str]],
    known: tuple[Floats, Sequence[str]],
    recipe: Cleaning,
) -> list[CheckedClick]:
    """Check every click against the catalogue, and against the others.

    What a reviewer confirmed passes, but for photos that cannot be read or come twice.

    Args:
        photos: the clicks, oldest first.
        vectors: of them.
        gallery: vectors and items of the catalogue's pictures.
        known: vectors and items of photos whose item is known, which vote too.
        recipe: limits.
    """
    checked = [CheckedClick(photo) for photo in photos]
    _refuse(checked, [not there for there in vectors.readable], "unreadable")
    _refuse(checked, _repeated(checked, vectors.digests), "repeated")
    own = np.full(len(photos), -1.0, np.float32)
    for place, found in enumerate(nearest_items(vectors.values, *gallery, _MOST_RANKS)):
        one = checked[place]
        rank = next((n for n, (item, _) in enumerate(found, start=1) if item == one.photo.item), _MOST_RANKS + 1)
        if rank <= _MOST_RANKS:
            own[place] = found[rank - 1][1]
        if not one.check:
            checked[place] = replace(one, rank=rank)
    _refuse(checked, [one.rank > recipe.rank and not one.photo.confirmed for one in checked], "unlike the item")
    _vote(checked, vectors, own, known, recipe.neighbours)
    outvoted = [one.said != one.photo.item and not one.photo.confirmed for one in checked]
    _refuse(checked, outvoted, "contradicted")
    _refuse(checked, _contradicted_items(checked, recipe.contradicted), "item contradicted")
    _refuse(checked, _more_than_needed(checked, recipe.per_item), "more than needed")
    return checked


def _refuse(checked: list[CheckedClick], refused: Sequence[bool], check: Check) -> None:
    for place, (one, wrong) in enumerate(zip(checked, refused, strict=True)):
        if wrong and not one.check:
            checked[place] = replace(one, check=check)


def _repeated(checked: Sequence[CheckedClick], digests: Sequence[str]) -> list[bool]:
    """Return which clicks repeat a photo.

    One that was clicked for two items is no click of either."""
    items = defaultdict[tuple[str, object], set[str]](set)
    for one, digest in zip(checked, digests, strict=True):
        items[digest, one.photo.box].add(one.photo.item)
    seen: set[tuple[str, object]] = set()
    repeated = []
    for one, digest in zip(checked, digests, strict=True):
        key = digest, one.photo.box
        repeated.append(key in seen or len(items[key]) > 1)
        seen.add(key)
    return repeated


def _vote(
    checked: list[CheckedClick],
    vectors: PhotoVectors,
    own: Floats,
    known: tuple[Floats, Sequence[str]],
    neighbours: int,
) -> None:
    """Note what the most similar other photos were clicked as.

    A tie speaks for the click.
    A photo votes where it looks about as much like this one as the clicked item's own picture does, or more, so that a
    click without company is not outvoted by strangers.
    """
    voters = [place for place, one in enumerate(checked) if one.check in ("", "unlike the item")]
    labels = np.array([*(checked[place].photo.item for place in voters), *known[1]])
    digests = np.array([*(vectors.digests[place] for place in voters), *("known" for _ in known[1])])
    values = np.concatenate([vectors.values[voters], known[0]]) if len(known[1]) else vectors.values[voters]
    for row, place in enumerate(voters):
        one = checked[place]
        similarity: npt.NDArray[np.float32] = values @ values[row]
        similarity[digests == digests[row]] = -2.0  # a photo does not speak for itself
        nearest = np.argsort(-similarity, kind="stable")[:neighbours]
        votes = Counter(labels[nearest[similarity[nearest] > own[place] - _NEARLY]].tolist())
        best, most = votes.most_common(1)[0] if votes else (one.photo.item, 0)
        said = one.photo.item if votes[one.photo.item] == most else best
        agreement = votes[one.photo.item] / sum(votes.values()) if votes else 1.0
        checked[place] = replace(one, agreement=agreement, said=said)


def _contradicted_items(checked: Sequence[CheckedClick], limit: float) -> list[bool]:
    judged, wrong = Counter[str](), Counter[str]()
    for one in checked:
        if one.check in ("", "contradicted", "unlike the item"):
            judged[one.photo.item] += 1
            wrong[one.photo.item] += one.check != ""
    bad = {item for item, number in wrong.items() if number >= 3 and number > limit * judged[item]}
    return [one.photo.item in bad and not one.photo.confirmed for one in checked]


def _more_than_needed(checked: Sequence[CheckedClick], most: int) -> list[bool]:
    kept = Counter[str]()
    too_many = []
    for one in reversed(checked):
        kept[one.photo.item] += not one.check
        too_many.append(not one.check and kept[one.photo.item] > most)
    return too_many[::-1]


def refused_share(checked: Sequence[CheckedClick]) -> float:
    """Return the share of the clicks that disagree, of those that could be judged."""
    judged = [one for one in checked if one.check not in ("unreadable", "repeated")]
    wrong = [one for one in judged if one.check in ("unlike the item", "contradicted", "item contradicted")]
    return len(wrong) / len(judged) if judged else 0.0
