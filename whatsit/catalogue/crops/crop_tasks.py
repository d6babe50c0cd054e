"""Candidates of the queue of cropped photos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whatsit.catalogue.crops.cropped_pictures import CroppedPicture
from whatsit.catalogue.crops.weak_boxes import SURE, WeakPicture
from whatsit.catalogue.review.task_table import Candidate
from whatsit.evaluation.datasets.label_file import OBJECT

_MOST_CROPS = 300  # that a reviewer's heat map is drawn from


def crop_box_candidates(labelled: Iterable[tuple[CroppedPicture, WeakPicture]], unnamed: str) -> Iterator[Candidate]:
    """Return cropped photos with the boxes that the crops propose.

    The score is the weight of the likeliest box. Boxes in doubt are left out, unless there are no others: what is
    confirmed must be right.

    Args:
        labelled: photos and the weak labels of each.
        unnamed: label of a box without a name.
    """
    for picture, weak in labelled:
        if not weak.boxes:
            continue
        boxes = [
            {
                "box": [round(float(side), 1) for side in one.box],
                "score": round(one.weight, 4),
                "label": unnamed if one.name == OBJECT else one.name,
                "doubtful": one.weight < SURE,
            }
            for one in [one for one in weak.boxes if one.weight >= SURE] or weak.boxes
        ]
        crops, doubtful = len(picture.crops), sum(one.weight < SURE for one in weak.boxes)
        subject = {
            "clicks": [crop.click for crop in picture.crops],
            "first": picture.sha256,
            "width": picture.width,
            "height": picture.height,
            "boxes": boxes,
            "labels": sorted({str(box["label"]) for box in boxes} | {unnamed}),
            "crops": [[round(side, 1) for side in crop.box] for crop in picture.crops[-_MOST_CROPS:]],
            "reason": f"{crops} crop{'' if crops == 1 else 's'} of visitors; {doubtful} more places are in doubt.",
            "figures": {"crops": crops, "boxes": len(boxes), "doubtful": doubtful},
        }
        yield Candidate(picture.sha256, max(one.weight for one in weak.boxes), subject)
