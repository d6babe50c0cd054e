"""Training of a round: the detector on given and gained labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from whatsit.evaluation.datasets.label_file import Picture
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture
from whatsit.labelling.self_training import Train
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.detector.custom import label_of
from whatsit.training.detector.data import DetectorData
from whatsit.training.detector.recipe import DetectorRecipe
from whatsit.training.detector.task import fit_detector


def detector_trainer(
    recipe: DetectorRecipe,
    photos: Path,
    weights: Path,
    *,
    minutes: float | None = None,
    threads: int | None = None,
    console: Console | None = None,
) -> Train:
    """Return the function that trains a round.

    Args:
        recipe: of the detector; its sources and `monitor` are replaced, the rest holds for each round.
        photos: folder of the pictures.
        weights: the folder that holds the ImageNet MobileNetV2; read only where the recipe starts from it.
        minutes: budget of each round.
        threads: CPU threads of torch.
        console: where progress goes.
    """

    def train(training: Sequence[Picture], held_out: Sequence[Picture], out: Path) -> bool:
        data = DetectorData(
            {"custom": [LabelledPicture.of(picture, photos / picture.file, label_of) for picture in training]},
            [],
            {"custom": [LabelledPicture.of(picture, photos / picture.file, label_of) for picture in held_out]},
        )
        fields: dict[str, object] = {"shares": {"custom": 1.0}, "monitor": "recall", "custom": None}
        before = _round_before(out) / "run" / checkpoint.BEST
        if before.is_file():
            fields["start"] = str(before)
        return fit_detector(
            recipe.model_copy(update=fields),
            data,
            weights,
            out,
            resume=(out / checkpoint.LAST).is_file(),
            max_minutes=minutes,
            threads=threads,
            console=console,
        ).finished

    return train


def _round_before(run: Path) -> Path:
    """Return `round-2` of `round-3/run`."""
    name, number = run.parent.name.rsplit("-", 1)
    return run.parent.with_name(f"{name}-{int(number) - 1}")
