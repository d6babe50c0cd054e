"""Training task of the detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, iterate_pictures
from whatsit.evaluation.metrics.detection_scores import class_free, evaluate_detector
from whatsit.models.csp_detector import CspDetector
from whatsit.models.detector import Detector, detector_network, for_export
from whatsit.models.faster_rcnn import FasterRcnn
from whatsit.training.common.initial_weights import IMAGENET, begin
from whatsit.training.common.loop import Outcome
from whatsit.training.common.prefetch import prefetch
from whatsit.training.common.run_training import RunOptions, prepare, run_training
from whatsit.training.detector.copy_paste import Cutout
from whatsit.training.detector.custom import add_built_in, custom_detector_data
from whatsit.training.detector.data import DetectorData, load_detector_data
from whatsit.training.detector.losses.detection_loss import BoxTargets, detection_loss
from whatsit.training.detector.losses.two_stage_loss import two_stage_loss
from whatsit.training.detector.recipe import DetectorRecipe
from whatsit.training.detector.sample_mixture import SampleMixture, detector_parameters

if TYPE_CHECKING:
    from typing_extensions import Unpack

Target = tuple[Tensor, ...]
Batch = tuple[Tensor, list[Target]]


class DetectorTask:
    """Training task of the detector: ATSS or SimOTA, quality focal loss, GIoU.

    Args:
        recipe: of the run.
        network: to train.
        sources: labelled pictures under the names that `recipe.shares` uses; a share without a source is left out.
        cutouts: products to paste; none turns pasting off.
        validation: sets of pictures whose class-free recall is measured; their mean is `recall`.
    """

    def __init__(
        self,
        recipe: DetectorRecipe,
        network: Detector,
        sources: Mapping[str, Sequence[LabelledPicture]],
        cutouts: Sequence[Cutout],
        validation: Mapping[str, Sequence[LabelledPicture]],
    ) -> None:
        self.recipe = recipe
        self.module: nn.Module = network
        self.network = network
        self.steps_per_epoch = recipe.steps_per_epoch
        self.mixture = SampleMixture(recipe, sources, cutouts)
        self.validation = validation
        network.backbone.freeze(recipe.frozen_blocks)  # type: ignore[operator]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups by start (trained or new) and by decay (weights or norms)."""
        return detector_parameters(self.module, self.network.learnt, self.recipe)

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Compose batches a few steps ahead of the network."""
        return prefetch(lambda step: self._batch(epoch, step), start, self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the sum of the parts of `detection_loss`, and the parts."""
        images, targets = batch
        images = images.contiguous(memory_format=torch.channels_last)
        truth = [BoxTargets(*target) for target in targets]
        sizes = [h * w for h, w in self.network.level_sizes(images.shape[-1])]
        if isinstance(self.network, FasterRcnn):
            parts = two_stage_loss(self.network(images, [one.boxes for one in truth]), truth, sizes)
        else:
            grid = None if isinstance(self.network, CspDetector) else sizes
            parts = detection_loss(self.network(images), truth, grid)
        total = torch.stack(list(parts.values())).sum()
        return total, {name: float(value.detach()) for name, value in parts.items()}

    def validate(self) -> dict[str, float]:
        """Class-free recall of 20 boxes on each validation set, at the serving size."""
        detector = for_export(self.network, self.recipe.canvas).eval()
        device = next(self.network.parameters()).device

        def run(images: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[Any, Any, Any]:
            boxes, scores, labels = detector.to(device)(torch.from_numpy(images).to(device))
            return boxes.cpu().numpy(), scores.cpu().numpy(), labels.cpu().numpy()

        find = class_free(run, self.recipe.canvas)
        recalls = {
            k: evaluate_detector(find, iterate_pictures(pictures)).recall for k, pictures in self.validation.items()
        }
        return {**{f"recall_{k}": v for k, v in recalls.items()}, "recall": float(np.mean(list(recalls.values())))}

    def _batch(self, epoch: int, step: int) -> Batch:
        rng = np.random.default_rng([self.recipe.seed, epoch, step])
        size = int(rng.choice(self.recipe.sizes))
        samples = [self.mixture.sample(size, rng) for _ in range(self.recipe.batch)]
        images = torch.from_numpy(np.stack([sample.pixels for sample in samples]).transpose(0, 3, 1, 2).copy())
        return images, [
            tuple(
                map(
                    torch.from_numpy,
                    (sample.boxes, sample.labels, sample.doubtful, sample.box_weights(), sample.background),
                )
            )
            for sample in samples
        ]


def train_detector(
    recipe: DetectorRecipe,
    data: Path,
    weights: Path,
    out: Path,
    *,
    held_out: frozenset[str] = frozenset(),
    **options: Unpack[RunOptions],
) -> Outcome:
    """Train the detector on the built-in data sets, custom boxes, or both.

    The first run with built-in data labels photos with the teacher and renders shop scenes; `out/data` keeps both.

    Args:
        recipe: the recipe.
        data: the folder that holds coco128, grocery_store, clothing_small and imagenet_sample; not needed for custom
            data alone.
        weights: the folder that holds the ImageNet MobileNetV2, for that start, and the teacher yolox_nano.onnx, for
            built-in data.
        out: the run's folder; `out/best.pt` then holds the network to build.
        held_out: names of coco128 files that training never sees.
        options: of the run.

    Raises:
        InvalidInput: data or weights are missing, or `out` does not fit `resume`.
    """
    console = prepare(recipe.seed, **options)
    custom = recipe.custom
    built_in = (
        None if custom and custom.alone else load_detector_data(data, weights, held_out, out / "data", recipe, console)
    )
    if custom:
        content, shares = add_built_in(custom_detector_data(custom), built_in, recipe, custom.share)
        recipe = recipe.model_copy(update={"shares": shares})
    else:
        assert built_in is not None
        content = built_in
    return fit_detector(recipe, content, weights, out, **options)


def fit_detector(
    recipe: DetectorRecipe, data: DetectorData, weights: Path, out: Path, **options: Unpack[RunOptions]
) -> Outcome:
    """Train the detector on given pictures; see `train_detector`.

    Args:
        recipe: its `shares` name the sources in `data`.
        data: training and validation pictures.
        weights: the folder that holds the ImageNet MobileNetV2; read only for that start.
        out: the run's folder.
        options: of the run.

    Raises:
        InvalidInput: the initial weights are missing or of another network, or `out` does not fit `resume`.
    """
    prepare(recipe.seed, **options)
    network = detector_network(recipe.model_dump(), weights if recipe.start == IMAGENET else None)
    begin(network, recipe.start, "detector")
    task = DetectorTask(recipe, network, data.sources, data.cutouts, data.validation)
    initial = {name: value.clone() for name, value in network.state_dict().items() if network.learnt(name)}
    return run_training(task, recipe, out, recipe.blend if recipe.blend < 1 else None, lambda: initial, **options)
