"""Agreement of reviewers on the tasks that two of them decided: Cohen's kappa."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from whatsit.catalogue.review.queues import QUEUES
from whatsit.catalogue.store.store import Store

Votes = Sequence[tuple[str, str]]


def kappa(votes: Votes) -> float | None:
    """Return Cohen's kappa (1960) of two reviewers.

    Args:
        votes: verdicts of the one and of the other on the same tasks.

    Returns:
        1 for full agreement, 0 for as much as chance gives; None where chance alone would give full agreement.
    """
    if not votes:
        return None
    same = sum(one == other for one, other in votes) / len(votes)
    left, right = (Counter(pair[side] for pair in votes) for side in (0, 1))
    chance = sum(left[verdict] * right[verdict] for verdict in left) / len(votes) ** 2
    return None if chance == 1.0 else (same - chance) / (1.0 - chance)


def read_agreement(store: Store, queue: str | None = None) -> list[dict[str, Any]]:
    """Return the agreement in one queue, or in each.

    Of the queue's kappa the first vote is one reviewer's and the second the other's; `pairs` are of two people each.
    """
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT queue, task, who, review_votes.verdict, made, seconded, disputed "
            "FROM review_votes JOIN review_tasks USING (task) WHERE sample "
            "ORDER BY task, review_votes.decision IS NULL, made"
        ).fetchall()
        samples = dict(
            connection.execute("SELECT queue, count(*) FROM review_tasks WHERE sample AND state != 'gone' GROUP BY 1")
        )
    votes: dict[str, dict[int, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    disputed: set[int] = set()
    for name, task, who, verdict, made, _, is_disputed in rows:
        votes[name][task].append({"who": who, "verdict": verdict, "made": made})
        disputed |= {task} if is_disputed else set()
    return [
        _of_queue(name, samples.get(name, 0), votes[name], disputed) for name in ([queue] if queue else list(QUEUES))
    ]


def _of_queue(name: str, sample: int, votes: dict[int, list[dict[str, str]]], disputed: set[int]) -> dict[str, Any]:
    both = {task: given for task, given in votes.items() if len(given) == 2}
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for given in both.values():
        one, other = sorted(given, key=lambda vote: vote["who"])
        pairs[one["who"], other["who"]].append((one["verdict"], other["verdict"]))
    return {
        "queue": name,
        "sample": sample,
        **_figures([(given[0]["verdict"], given[1]["verdict"]) for given in both.values()]),
        "pairs": [{"reviewers": list(people), **_figures(found)} for people, found in sorted(pairs.items())],
        "disputed": [{"task": task, "votes": given} for task, given in both.items() if task in disputed],
    }


def _figures(votes: Votes) -> dict[str, Any]:
    same, found = sum(one == other for one, other in votes), kappa(votes)
    return {
        "both": len(votes),
        "same": same,
        "agreement": round(same / len(votes), 4) if votes else None,
        "kappa": None if found is None else round(found, 4),
    }
