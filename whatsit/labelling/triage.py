"""Triage of a round's boxes: kept, reviewed or dropped; a person's decision wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatsit.evaluation.datasets.label_file import LabelFile
from whatsit.labelling.review_table import Decision
from whatsit.labelling.score_thresholds import Thresholds

_SAME = 0.5


def triage(
    found: LabelFile, thresholds: Thresholds, by_person: Sequence[Decision], number: int
) -> tuple[LabelFile, list[Decision]]:
    """Keep, review or drop each box.

    Args:
        found: scored boxes.
        thresholds: scores of kept and reviewed boxes.
        by_person: a person's decisions of earlier rounds; boxes in the same place are not reviewed again.
        number: of the round.

    Returns:
        Labels with kept and doubtful boxes, and the decision on every box.
    """
    person: dict[str, list[Decision]] = {}
    for decision in by_person:
        if decision.verdict:
            person.setdefault(decision.file, []).append(decision)
    pictures, log = [], []
    for picture in found.pictures:
        decided = person.get(picture.file, [])
        kept = [replace(d.box, doubtful=False, origin="person") for d in decided if d.verdict == "keep"]
        for box in picture.boxes:
            score = box.score or 0.0
            if any(box.iou(d.box) >= _SAME for d in decided):
                log.append(Decision(picture.file, box, "drop", "person, in an earlier round"))
            elif score >= thresholds.sure:
                kept.append(box)
                log.append(Decision(picture.file, box, "keep", f"round {number}, score {thresholds.sure:.3f} or more"))
            elif score >= thresholds.doubtful:
                kept.append(replace(box, doubtful=True))
                log.append(Decision(picture.file, box, "", f"round {number}, score {thresholds.doubtful:.3f} or more"))
            else:
                log.append(
                    Decision(picture.file, box, "drop", f"round {number}, score below {thresholds.doubtful:.3f}")
                )
        pictures.append(replace(picture, boxes=tuple(kept)))
    return LabelFile(tuple(pictures)), log
