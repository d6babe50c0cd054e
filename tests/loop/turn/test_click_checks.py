"""Clicks that disagree with the catalogue or with one another do not train."""

from __future__ import annotations

import numpy as np
import pytest

from whatsit.loop.turn.click_checks import CheckedClick, check_clicks, refused_share
from whatsit.loop.turn.collected_clicks import LabelledPhoto
from whatsit.loop.turn.loop_recipe import Cleaning
from whatsit.loop.turn.photo_vectors import Floats, PhotoVectors

ITEMS = ["apple", "pear", "plum", "leek"]
AXES = np.eye(8, dtype=np.float32)
GALLERY = AXES[:4], ITEMS
NOTHING = np.empty((0, 8), np.float32), list[str]()


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def checked(
    shown: list[int], clicked: list[int], digests: list[str] | None = None, known: tuple[Floats, list[str]] = NOTHING,
    confirmed: frozenset[int] = frozenset(), recipe: Cleaning | None = None,
) -> list[CheckedClick]:  # fmt: skip
    """Check clicks on photos that show an item, each a little different."""
    noise = np.random.default_rng(3).normal(0, 0.1, (len(shown), 8)).astype(np.float32)
    vectors = PhotoVectors(
        unit(AXES[shown] + noise), np.ones(len(shown), bool), tuple(digests or map(str, range(len(shown))))
    )
    photos = [
        LabelledPhoto(f"{n}.jpg", ITEMS[item], click=n + 1, made="2026-11-01T00:00:00+00:00", confirmed=n in confirmed)
        for n, item in enumerate(clicked)
    ]
    return check_clicks(photos, vectors, GALLERY, known, recipe or Cleaning())


def test_clicks_that_agree_are_kept() -> None:
    found = checked([0] * 5 + [1] * 5, [0] * 5 + [1] * 5)
    assert [one.check for one in found] == [""] * 10
    assert all(one.rank == 1 for one in found)
    assert refused_share(found) == 0


def test_a_click_on_what_similar_photos_are_not_is_refused() -> None:
    found = checked([0] * 6 + [1] * 5, [1] + [0] * 5 + [1] * 5)
    assert found[0].check == "contradicted"
    assert (found[0].said, found[0].agreement) == ("apple", 0.0)
    assert [one.check for one in found[1:]] == [""] * 10


def test_an_item_far_down_the_list_is_refused_unless_a_reviewer_confirmed_it() -> None:
    found = checked([0, 0, 0, 0], [0, 3, 0, 3], confirmed=frozenset({3}), recipe=Cleaning(rank=1, neighbours=0))
    assert [one.check for one in found] == ["", "unlike the item", "", ""]


def test_a_photo_counts_once_and_for_one_item() -> None:
    found = checked([0] * 6, [0, 0, 0, 0, 1, 0], ["a", "a", "b", "c", "c", "d"])
    assert [one.check for one in found] == ["", "repeated", "", "repeated", "repeated", ""]


def test_known_photos_vote_against_a_wrong_majority() -> None:
    known = unit(AXES[[0] * 12] + 0.02), ["apple"] * 12
    found = checked([0] * 6, [1, 1, 1, 1, 0, 0], known=known, recipe=Cleaning(neighbours=15))
    assert [bool(one.check) for one in found] == [True] * 4 + [False] * 2


def test_an_item_whose_clicks_are_contradicted_trains_on_none() -> None:
    shown = [0] * 8 + [1] * 4
    found = checked(shown, [1] * 6 + [0] * 2 + [1] * 4, known=(unit(AXES[[0] * 12] + 0.02), ["apple"] * 12))
    assert {one.check for one in found if one.photo.item == "pear"} == {"contradicted", "item contradicted"}
    assert refused_share(found) == pytest.approx(10 / 12)


def test_the_latest_clicks_of_an_item_are_enough() -> None:
    found = checked([0] * 5, [0] * 5, recipe=Cleaning(per_item=2))
    assert [one.check for one in found] == ["more than needed"] * 3 + [""] * 2


def test_unreadable_photos_are_no_evidence() -> None:
    vectors = PhotoVectors(AXES[[0, 0]], np.array([False, True]), ("", "a"))
    photos = [LabelledPhoto(name, "apple", click=1) for name in "ab"]
    found = check_clicks(photos, vectors, GALLERY, NOTHING, Cleaning())
    assert [one.check for one in found] == ["unreadable", ""]
    assert refused_share(found) == 0


def test_a_click_without_company_is_not_outvoted_by_strangers() -> None:
    found = checked([0, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1])
    assert [one.check for one in found] == [""] * 6
