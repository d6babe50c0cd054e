"""Photos of visitors: clusters, assigned and new items, and taking them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.catalogue.test_cleaning import E, around
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.photo_candidates import (
    NearestItems,
    Photo,
    crop_candidates,
    unanswered_candidates,
)
from whatsit.catalogue.review.task_table import Filled
from whatsit.catalogue.review.verdict_effects import Verdict
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.picture_files import keep_picture


@pytest.fixture
def photos(review: Review, picture_file: Path) -> list[Photo]:
    """Two searches for one thing that is not there, one for another, and a region that shows item a."""
    found = []
    for n, (centre, kind) in enumerate([(9, "none"), (9, "none"), (12, "crop"), (0, "crop")]):
        path = keep_picture(Layout(review.store.folder).clicks, picture_file.read_bytes())
        review.store.clicks.record(Click("", path, (10.0, 10.0, 50.0, 40.0), kind))  # type: ignore[arg-type]
        vector = around(centre, n)
        with review.store.transaction() as connection:
            values = (n + 1, E, vector.astype("<f4").tobytes(), 80, 60)
            connection.execute("INSERT INTO click_vectors VALUES (?,?,?,?,?)", values)
        found.append(Photo(n + 1, kind, vector))
    return found


def fill(review: Review, photos: list[Photo]) -> None:
    nearest = NearestItems(review.store, E)
    review.tasks.fill("unanswered", unanswered_candidates(photos, nearest, []), Filled(), 0)
    review.tasks.fill("crops", crop_candidates(photos, nearest), Filled(), 0)


def test_searches_for_one_thing_are_one_task(review: Review, photos: list[Photo]) -> None:
    fill(review, photos)
    lease = review.leases.lease("unanswered", "ann", 9, 60)
    assert [task.subject["clicks"] for task in lease.tasks] == [[1, 2], [3]]
    (crop,) = review.leases.lease("crops", "ann", 9, 60).tasks
    assert (crop.subject["clicks"], crop.subject["proposals"][0]["id"]) == ([4], "a")


def test_a_new_item_has_the_photos_and_goes_with_undo(review: Review, photos: list[Photo]) -> None:
    fill(review, photos)
    lease = review.leases.lease("unanswered", "ann", 1, 60)
    task = lease.tasks[0].task
    refused, made = (
        review.decisions.decide("unanswered", lease.token, "ann", [Verdict(task, "create", fields=fields)])[0]
        for fields in ({"id": "a"}, {"id": "new", "title": "Oat drink"})
    )
    assert (refused.outcome, refused.detail[:29]) == ("refused", "The catalogue has an item 'a'")
    assert made.outcome == "decided"
    shown = review.store.show("new")
    assert (shown["title"], len(shown["images"])) == ("Oat drink", 2)
    assert Path(shown["image"]).is_file()
    assert [click.item for click in review.store.clicks.all()] == ["new", "new"]
    assert made.decision is not None
    review.decisions.undo(made.decision, "ann", 60)
    assert review.store.fields("new") is None
    assert review.store.clicks.count("none") == 2
    assert review.store.deleted.restore(["new"]) == ["new"]


def test_an_assigned_photo_may_become_a_picture(review: Review, photos: list[Photo]) -> None:
    fill(review, photos)
    lease = review.leases.lease("crops", "ann", 1, 60)
    verdict = Verdict(lease.tasks[0].task, "item", item="b", add_picture=True)
    (result,) = review.decisions.decide("crops", lease.token, "ann", [verdict])
    assert (result.outcome, len(review.store.show("b")["images"])) == ("decided", 5)
    np.testing.assert_allclose(review.store.pictures("b", E)[-1].vectors[0].values, photos[3].vector)
    assert result.decision is not None
    review.decisions.undo(result.decision, "ann", 60)
    assert len(review.store.show("b")["images"]) == 4
    assert review.store.clicks.count("crop") == 2


def test_what_is_not_for_sale_is_not_asked_again(review: Review, photos: list[Photo]) -> None:
    nearest = NearestItems(review.store, E)
    more = [*photos, Photo(7, "none", around(9, 7))]
    assert [one.subject["clicks"] for one in unanswered_candidates(more, nearest, photos[:2])] == [[3]]
