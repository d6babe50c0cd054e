"""The review queues and the verdicts that people may give in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision import Step, Verdict


@dataclass(frozen=True)
class Queue:
    """One queue.

    Args:
        name: of it, which is the step in the decision log.
        verdicts: what a person says -> the word of the log, in the order of the keys 1, 2, 3.
        needing: verdicts that need more than themselves: an item, fields or boxes.
    """

    name: Step
    verdicts: Mapping[str, Verdict]
    needing: frozenset[str] = frozenset()


_ALL = (
    Queue("duplicates", {"duplicate": "dropped", "keep_second": "dropped", "different": "different"}),
    Queue("denoise", {"wrong": "dropped", "right": "right"}),
    Queue("merge", {"merge": "merged", "merge_into_second": "merged", "different": "different"}),
    Queue("boxes", {"boxes": "labelled", "unclear": "unclear"}, frozenset({"boxes"})),
    Queue("crops", {"item": "assigned", "none": "different", "useless": "useless"}, frozenset({"item"})),
    Queue("crop_boxes", {"boxes": "labelled", "unclear": "unclear"}, frozenset({"boxes"})),
    Queue(
        "unanswered",
        {"assign": "assigned", "create": "created", "not_for_sale": "not_for_sale", "useless": "useless"},
        frozenset({"assign", "create"}),
    ),
)
QUEUES: Mapping[str, Queue] = {queue.name: queue for queue in _ALL}


def queue_of(name: str) -> Queue:
    """Return the queue of this name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in QUEUES:
        raise InvalidInput(f"There is no review queue '{name[:60]}'; the queues are {', '.join(QUEUES)}.")
    return QUEUES[name]
