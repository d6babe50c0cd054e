"""Held-out folds of the classifier's training pictures, to choose settings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from whatsit_client.taxonomy import INTENTS, TAG_TOPIC

from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture
from whatsit.evaluation.metrics.classification import auc, false_accepts, gate_figures, tag_figures
from whatsit.models.classifier import Classifier
from whatsit.training.classifier.frozen_features import SeenViews

FOLDS = 5


def in_fold(pictures: Sequence[TaggedPicture], fold: int | None) -> npt.NDArray[np.bool_]:
    """Return a mask of the pictures in a fold: every fifth of its group.

    All False without a fold.

    ImageNet photos come one of each class, so the classes of a fold are never trained on either.
    """
    places: dict[str, int] = {}
    chosen = np.zeros(len(pictures), bool)
    for index, picture in enumerate(pictures):
        place = places.get(picture.group, 0)
        places[picture.group] = place + 1
        chosen[index] = fold is not None and place % FOLDS == fold
    return chosen


def fold_figures(
    network: Classifier, pictures: Sequence[TaggedPicture], seen: SeenViews, chosen: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Compute the metrics of the report on the plain photos of a fold.

    The source is measured on its first composed and augmented views.

    Args:
        network: in evaluation mode.
        pictures: N training pictures.
        seen: their views.
        chosen: bool [N], the fold.
    """
    outputs = _answers(network, seen, 0, chosen)
    kept = [picture for picture, inside in zip(pictures, chosen, strict=True) if inside]
    groups = np.array([picture.group for picture in kept])
    figures: dict[str, float] = {}
    for group in sorted(set(groups)):
        part = groups == group
        members = [picture for picture, inside in zip(kept, part, strict=True) if inside]
        outputs_of_group = {name: scores[part] for name, scores in outputs.items()}
        tags = [picture.tag for picture in members]
        gate = gate_figures(outputs_of_group["intent"], [picture.intent for picture in members])
        figures[f"tag_{group}"] = tag_figures(outputs_of_group, tags, [TAG_TOPIC[tag] for tag in tags])["tag"]
        figures[f"false_other_{group}"], figures[f"other_kept_{group}"] = gate["false_other"], gate["other_kept"]
    imagenet = groups == "imagenet"
    teacher = seen.tags[0][chosen][imagenet].argmax(axis=1)
    figures["teacher"] = float((outputs["tag"][imagenet].argmax(axis=1) == teacher).mean())
    sought = np.array([picture.intent != "other" for picture in kept])
    judged = np.where(sought, np.isin(groups, ["grocery", "clothing"]), imagenet)
    wanted = 1 - outputs["intent"][:, INTENTS.index("other")]
    figures["auc"] = auc(wanted[judged], sought[judged])
    figures["false_accepts_95"] = false_accepts(wanted[judged], sought[judged])
    for number in range(min(3, len(seen.sources))):
        source = _answers(network, seen, number, chosen)["source"].argmax(axis=1)
        figures[f"source_{number}"] = float((source == seen.sources[number][chosen]).mean())
    return {name: value for name, value in figures.items() if value == value}


def _answers(
    network: Classifier, seen: SeenViews, number: int, chosen: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[np.float32]]:
    device = next(network.parameters()).device
    features = torch.from_numpy(seen.features[number][chosen].astype(np.float32)).to(device)
    return {name: logits.softmax(dim=1).cpu().numpy() for name, logits in network.answer(features).items()}
