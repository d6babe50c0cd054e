"""Leases: nobody meets, nothing is lost, what was skipped goes to others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.review.conftest import Clock, sha
from whatsit.catalogue.cleaning.decision import Decision
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.verdict_effects import Verdict

Fill = Callable[..., list[int]]


def test_two_reviewers_never_get_the_same_task(review: Review, fill: Fill) -> None:
    tasks = fill(12)
    ann = review.leases.lease("duplicates", "ann", 5, 60)
    bob = review.leases.lease("duplicates", "bob", 100, 60)
    assert [task.task for task in (*ann.tasks, *bob.tasks)] == tasks  # highest score first
    assert review.leases.lease("duplicates", "cid", 5, 60).tasks == ()
    assert review.queues()[0]["leased"] == 12


def test_leases_run_out_are_renewed_and_given_back(review: Review, fill: Fill, clock: Clock) -> None:
    fill(4)
    ann = review.leases.lease("duplicates", "ann", 2, 60)
    clock.now += 50
    assert len(review.leases.renew(ann.token, 60).tasks) == 2
    clock.now += 50
    assert len(review.leases.lease("duplicates", "bob", 10, 60).tasks) == 2
    clock.now += 100  # both ran out: a closed tab loses nothing
    cid = review.leases.lease("duplicates", "cid", 10, 60)
    assert len(cid.tasks) == 4
    assert review.leases.renew(ann.token, 60).tasks == ()
    assert review.leases.give_back(cid.token) == 4
    assert review.leases.give_back(cid.token) == 0
    assert len(review.leases.lease("duplicates", "dan", 10, 60).tasks) == 4


def test_a_caller_may_name_a_lease_and_give_it_back_before_it_is_given(review: Review, fill: Fill) -> None:
    fill(4)
    assert review.leases.lease("duplicates", "ann", 2, 60, token="a" * 32).token == "a" * 32
    with pytest.raises(InvalidInput, match="There is a lease aaa"):
        review.leases.lease("duplicates", "bob", 2, 60, token="a" * 32)
    assert review.leases.give_back("b" * 32) == 0
    assert review.leases.lease("duplicates", "bob", 2, 60, token="b" * 32).tasks == ()
    assert review.leases.give_back("a" * 32) == 2
    assert len(review.leases.lease("duplicates", "bob", 9, 60).tasks) == 4


def test_a_skipped_task_goes_to_others_alone(review: Review, fill: Fill) -> None:
    (task,) = fill(1)
    ann = review.leases.lease("duplicates", "ann", 1, 60)
    (result,) = review.decisions.decide("duplicates", ann.token, "ann", [Verdict(task, "skip")])
    assert result.outcome == "skipped"
    assert review.leases.lease("duplicates", "ann", 1, 60).tasks == ()
    assert len(review.leases.lease("duplicates", "bob", 1, 60).tasks) == 1


def test_what_is_hidden_meanwhile_is_not_asked(review: Review, fill: Fill) -> None:
    fill(2)
    hidden = Decision("duplicates", "dropped", "t0", sha("t0", 1), "t0", sha("t0", 0), "by clean")
    review.log.record("whatsit catalogue clean", {}, [hidden])
    assert [task.subject["item"] for task in review.leases.lease("duplicates", "ann", 9, 60).tasks] == ["t1"]
    assert review.queues()[0]["open"] == 1


def test_five_threads_decide_everything_once(review: Review, fill: Fill) -> None:
    tasks = fill(40)
    seen: list[tuple[int, str]] = []
    lock = threading.Lock()

    def person(name: str) -> None:
        while True:
            lease = review.leases.lease("duplicates", name, 3, 60)
            if not lease.tasks:
                return
            verdicts = [Verdict(task.task, "duplicate") for task in lease.tasks]
            for _ in range(2):  # a retry after a lost reply
                results = review.decisions.decide("duplicates", lease.token, name, verdicts)
                with lock:
                    seen.extend((one.task, one.outcome) for one in results)

    threads = [threading.Thread(target=person, args=(f"p{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(task for task, outcome in seen if outcome == "decided") == tasks
    assert sorted(task for task, outcome in seen if outcome == "repeated") == tasks
    assert review.log.count() == {"dropped": 40}


def test_an_unknown_queue_is_refused(review: Review) -> None:
    with pytest.raises(InvalidInput, match="There is no review queue 'x'; the queues are duplicates"):
        review.leases.lease("x", "ann", 1, 60)
