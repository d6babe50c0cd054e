"""Decisions: effects, undo, late and second votes, batches; what was denied is never asked again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.review.conftest import Clock, sha
from tests.catalogue.test_cleaning import state
from whatsit.catalogue.cleaning.clean import find
from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.review.box_labels import reviewed_labels
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.refresh import refresh
from whatsit.catalogue.review.task_decisions import Changed
from whatsit.catalogue.review.verdict_effects import Verdict

Fill = Callable[..., list[int]]


def decide(review: Review, queue: str, verdict: str, who: str = "ann", count: int = 1, **more: object) -> list[int]:
    """Lease and decide; return the numbers in the log."""
    lease = review.leases.lease(queue, who, count, 60)
    verdicts = [Verdict(task.task, verdict, **more) for task in lease.tasks]  # type: ignore[arg-type]
    results = review.decisions.decide(queue, lease.token, who, verdicts)
    assert {one.outcome for one in results} <= {"decided", "gone"}, results
    return [one.decision for one in results if one.decision is not None]


def hidden(review: Review, item: str) -> list[bool]:
    return [one["hidden"] for one in review.store.show(item)["images"]]


def test_a_duplicate_is_hidden_and_comes_back_by_undo(review: Review) -> None:
    before = state(review.store)
    assert refresh(review.store, "duplicates", clock=review.clock).added == 9
    (number,) = decide(review, "duplicates", "duplicate", why="same shot")
    item = review.log.read(1)[0].decision.item
    assert sum(hidden(review, item)) == 1
    assert (review.log.read(1)[0].who, review.log.read(1)[0].why) == ("ann", "same shot")
    taken = review.decisions.undo(number, "ann", 60)
    assert state(review.store) == before
    assert taken.lease is not None
    (task,) = taken.lease.tasks  # open again, and held by who took it back
    assert task.state == "open"
    assert task.task not in [one.task for one in review.leases.lease("duplicates", "bob", 99, 60).tasks]
    (again,) = review.decisions.decide("duplicates", taken.lease.token, "ann", [Verdict(task.task, "keep_second")])
    assert again.outcome == "decided"
    assert hidden(review, item)[0]


def test_what_was_denied_is_asked_neither_again_nor_by_clean(review: Review) -> None:
    settings = CleaningSettings(steps=("duplicates",))
    assert [one.verdict for one in find(review.store, settings)].count("dropped") == 9
    refresh(review.store, "duplicates", clock=review.clock)
    decided = decide(review, "duplicates", "different", count=100)
    assert len(decided) == 9
    again = refresh(review.store, "duplicates", clock=review.clock)
    asked = {frozenset([one.decision.sha256, one.decision.other_sha256]) for one in review.log.read(100)}
    assert again.added == 6  # the next nearest pairs: the second picture of an item has no other
    open_ = review.leases.lease("duplicates", "bob", 100, 60).tasks
    assert not asked & {frozenset([task.subject["first"], task.subject["second"]]) for task in open_}
    dropped = [one for one in find(review.store, settings) if one.verdict == "dropped"]
    assert not asked & {frozenset([one.sha256, one.other_sha256]) for one in dropped}


def test_a_late_reviewer_loses_only_to_somebody_else(review: Review, fill: Fill, clock: Clock) -> None:
    first, second = fill(2)
    ann = review.leases.lease("duplicates", "ann", 2, 60)
    clock.now += 61
    bob = review.leases.lease("duplicates", "bob", 1, 60)
    assert [task.task for task in bob.tasks] == [first]
    results = review.decisions.decide(
        "duplicates", ann.token, "ann", [Verdict(first, "duplicate"), Verdict(second, "different")]
    )
    assert [one.outcome for one in results] == ["lost", "decided"]
    (result,) = review.decisions.decide("duplicates", bob.token, "bob", [Verdict(first, "different")])
    assert result.outcome == "decided"
    (result,) = review.decisions.decide("duplicates", ann.token, "bob", [Verdict(first, "different")])
    assert (result.outcome, result.detail) == ("refused", "This lease does not hold the task: lease it first.")


def test_a_retry_changes_nothing_and_another_verdict_is_refused(review: Review, fill: Fill) -> None:
    (task,) = fill(1)
    ann = review.leases.lease("duplicates", "ann", 1, 60)
    one, two, three, four = (
        review.decisions.decide("duplicates", ann.token, "ann", [Verdict(task, verdict)])[0]
        for verdict in ("nonsense", "duplicate", "duplicate", "different")
    )
    assert [one.outcome, two.outcome, three.outcome, four.outcome] == ["refused", "decided", "repeated", "refused"]
    assert three.decision == two.decision
    assert "write duplicate, keep_second, different or skip" in one.detail


def test_the_sample_is_decided_twice_and_has_an_agreement(review: Review, fill: Fill) -> None:
    tasks = fill(4, sample=True)
    decide(review, "duplicates", "duplicate", "ann", 3)
    decide(review, "duplicates", "different", "ann", 1)
    bob = review.leases.lease("duplicates", "bob", 9, 60)
    assert [task.task for task in bob.tasks] == tasks
    verdicts = [Verdict(task, "duplicate" if task != tasks[2] else "different") for task in tasks]
    results = review.decisions.decide("duplicates", bob.token, "bob", verdicts)
    assert {one.outcome for one in results} == {"second"}
    assert review.log.count() == {"dropped": 3, "different": 1}  # the first vote counts
    assert review.leases.lease("duplicates", "cid", 9, 60).tasks == ()
    (found,) = review.agreement("duplicates")
    assert (found["both"], found["same"]) == (4, 2)
    assert found["kappa"] == pytest.approx((0.5 - 0.625) / 0.375, abs=1e-4)  # both say duplicate in 3 of 4
    assert [one["task"] for one in found["disputed"]] == [tasks[2], tasks[3]]
    review.decisions.undo_second(tasks[2], bob.token, "bob", 60)
    assert review.agreement("duplicates")[0]["both"] == 3


def test_a_batch_by_score_is_decided_and_taken_back_at_once(review: Review, fill: Fill) -> None:
    tasks = fill(10)
    before = state(review.store)
    held = review.leases.lease("duplicates", "bob", 1, 60).tasks[0].task
    with pytest.raises(Changed, match="There are 5 tasks in this range now, not 6"):
        review.decisions.decide_range("duplicates", "ann", Verdict(0, "duplicate"), 0.9945, 1, expected=6)
    run, decided, gone = review.decisions.decide_range(
        "duplicates", "ann", Verdict(0, "duplicate"), 0.9945, 1, left_out=[tasks[1]], expected=5
    )
    assert (decided, gone) == (4, 0)
    assert held == tasks[0]
    assert run is not None
    assert review.decisions.undo_run(run, "ann") == 4
    assert state(review.store) == before
    with pytest.raises(InvalidInput, match="cannot be given to many tasks"):
        review.decisions.decide_range("boxes", "ann", Verdict(0, "boxes"), 0, 1)


def test_items_are_merged_or_kept_apart_for_good(review: Review) -> None:
    from tests.catalogue.review.conftest import add_item

    add_item(review.store, "a2", 0, 4, title="item a")
    assert refresh(review.store, "merge", clock=review.clock).added == 1
    (number,) = decide(review, "merge", "merge")
    assert review.store.show("a2")["merged_into"] == "a"
    review.decisions.undo(number, "ann", 0)
    decide(review, "merge", "different")
    assert refresh(review.store, "merge", clock=review.clock).added == 0
    found = find(review.store, CleaningSettings())
    assert not [one for one in found if {one.item, one.other_item} == {"a", "a2"}]


def test_the_command_line_takes_back_what_the_studio_decided(review: Review, fill: Fill) -> None:
    (task,) = fill(1)
    decide(review, "duplicates", "duplicate")
    assert review.queues()[0]["decided"] == 1
    review.log.undo_last("root")
    assert review.queues()[0]["open"] == 1
    assert review.leases.lease("duplicates", "ann", 1, 60).tasks[0].task == task


def test_boxes_are_clipped_and_kept_with_the_decision(review: Review) -> None:
    from whatsit.catalogue.review.task_table import Candidate, Filled

    subject = {"item": "a", "first": sha("a", 0), "width": 100, "height": 50, "boxes": [{}, {}], "labels": []}
    filled = Filled()
    review.tasks.fill("boxes", [Candidate("a", 0.5, subject), Candidate("sure", 0.0, subject)], filled, 0)
    assert (filled.added, review.queues()[3]["open"]) == (1, 1)
    lease = review.leases.lease("boxes", "ann", 1, 60)
    number = lease.tasks[0].task
    for boxes, outcome in (([[200, 0, 300, 20]], "refused"), ([[-5, 0, 60, 20]], "decided")):
        drawn = tuple({"box": box, "label": "cup"} for box in boxes)
        (result,) = review.decisions.decide("boxes", lease.token, "ann", [Verdict(number, "boxes", boxes=drawn)])
        assert result.outcome == outcome, result.detail
    with review.store.snapshot() as connection:
        (text,) = connection.execute("SELECT outcome FROM decision_notes").fetchone()
    assert '"box": [0.0, 0.0, 60.0, 20.0]' in text
    ((path, picture),) = reviewed_labels(review.store)
    assert (path, picture.width, [box.corners for box in picture.boxes]) == ("/a0.jpg", 100, [(0, 0, 60, 20)])
