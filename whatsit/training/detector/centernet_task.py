"""Training task of the scan network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from whatsit.engines.repository import default_root, network_file
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, iterate_pictures
from whatsit.evaluation.metrics.detection_scores import evaluate_detector
from whatsit.evaluation.reports.scan_report import center_finder
from whatsit.models.centernet import CenterNet, CenterNetForExport
from whatsit.training.common.initial_weights import IMAGENET, begin
from whatsit.training.common.loop import Outcome
from whatsit.training.common.prefetch import prefetch
from whatsit.training.common.run_training import RunOptions, prepare, run_training
from whatsit.training.detector.centernet_recipe import ScanRecipe
from whatsit.training.detector.centernet_targets import center_targets
from whatsit.training.detector.copy_paste import Cutout
from whatsit.training.detector.data import DetectorData, load_detector_data
from whatsit.training.detector.losses.heat_map_loss import CenterBatch, center_loss
from whatsit.training.detector.mosaic import Sample
from whatsit.training.detector.picture_cache import cache_pictures
from whatsit.training.detector.sample_mixture import SampleMixture, detector_parameters
from whatsit.training.detector.served_teacher import ServedTeacher

if TYPE_CHECKING:
    from typing_extensions import Unpack

Batch = tuple[Tensor, tuple[Tensor, ...]]


class ScanTask:
    """Training task of the scan network: focal loss on centres, GIoU and L1 on boxes.

    Args:
        recipe: of the run.
        network: to train.
        sources: labelled pictures under the names that `recipe.shares` uses.
        cutouts: products to paste; none turns pasting off.
        validation: sets of pictures whose class-free recall is measured; their mean is `recall`.
    """

    def __init__(
        self,
        recipe: ScanRecipe,
        network: CenterNet,
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
        network.backbone.freeze(recipe.frozen_blocks)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups by start (trained or new) and by decay (weights or norms)."""
        return detector_parameters(self.module, self.network.learnt, self.recipe)

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Compose batches a few steps ahead of the network."""
        return prefetch(lambda step: self._batch(epoch, step), start, self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the sum of the parts of `center_loss`, and the parts."""
        images, targets = batch
        output = self.network(images.float().contiguous(memory_format=torch.channels_last) / 255.0)
        parts = center_loss(output, CenterBatch(*targets))
        total = torch.stack(list(parts.values())).sum()
        return total, {name: float(value.detach()) for name, value in parts.items()}

    def validate(self) -> dict[str, float]:
        """Class-free recall of 20 boxes on each validation set, at the serving size."""
        export = CenterNetForExport(self.network).eval()
        device = next(self.network.parameters()).device

        def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
            maps = export(torch.from_numpy(feeds["images"]).to(device))
            return {name: value.cpu().numpy() for name, value in zip(export.output_names, maps, strict=True)}

        find = center_finder(run, self.recipe.canvas, self.network.stride)
        scores = {name: evaluate_detector(find, iterate_pictures(p)) for name, p in self.validation.items()}
        shown = {f"recall_{name}": score.recall for name, score in scores.items()}
        big = {f"big_{name}": score.recall_big for name, score in scores.items()}
        ap = {f"ap50_{name}": score.ap50 for name, score in scores.items()}
        return {**shown, **big, **ap, "recall": float(np.mean(list(shown.values())))}

    def _batch(self, epoch: int, step: int) -> Batch:
        rng = np.random.default_rng([self.recipe.seed, epoch, step])
        size = int(rng.choice(self.recipe.sizes))
        return as_batch([self.mixture.sample(size, rng) for _ in range(self.recipe.batch)], self.recipe.stride)


def as_batch(samples: Sequence[Sample], stride: int) -> Batch:
    """Return pictures uint8 [n, 3, S, S] and the tensors of `CenterBatch`."""
    images = torch.from_numpy(np.stack([sample.pixels for sample in samples]).transpose(0, 3, 1, 2).copy())
    drawn = [center_targets(sample, stride) for sample in samples]
    names = CenterBatch._fields
    return images, tuple(torch.from_numpy(np.stack([getattr(one, name) for one in drawn])) for name in names)


def train_scan(
    recipe: ScanRecipe,
    data: Path,
    weights: Path,
    out: Path,
    *,
    held_out: frozenset[str] = frozenset(),
    **options: Unpack[RunOptions],
) -> Outcome:
    """Train the scan network, taught by the shipped detector.

    The first run labels photos with the detector, renders shop scenes and decodes every picture once; `out/data` keeps
    all of it.

    Args:
        recipe: the recipe.
        data: the folder that holds coco128, grocery_store, clothing_small and imagenet_sample.
        weights: the folder of the start: yolox_nano.onnx, or the ImageNet MobileNetV2.
        out: the run's folder; `out/best.pt` then holds the network to build.
        held_out: names of coco128 files that training never sees.
        options: of the run.

    Raises:
        InvalidInput: data or weights are missing, or `out` does not fit `resume`.
    """
    console = prepare(recipe.seed, **options)
    content = load_scan_data(recipe, data, weights, held_out, out / "data", console)
    return fit_scan(recipe, content, weights, out, **options)


def load_scan_data(
    recipe: ScanRecipe, data: Path, weights: Path, held_out: frozenset[str], cache: Path, console: Console
) -> DetectorData:
    """Return the detector's data, labelled by the shipped detector and decoded once."""
    with ServedTeacher(network_file(default_root() / "model_repository", "detector")) as teacher:
        content = load_detector_data(data, weights, held_out, cache, recipe, console, teacher.teach)
    sources = {
        name: cache_pictures(name, pictures, recipe.longest, cache / "pixels", console)
        for name, pictures in content.sources.items()
    }
    return DetectorData(sources, content.cutouts, content.validation)


def fit_scan(
    recipe: ScanRecipe, data: DetectorData, weights: Path, out: Path, **options: Unpack[RunOptions]
) -> Outcome:
    """Train the scan network on given pictures; see `train_scan`."""
    prepare(recipe.seed, **options)
    network = CenterNet.from_recipe(recipe.model_dump(), weights if recipe.start == IMAGENET else None)
    begin(network, recipe.start, "scan")
    task = ScanTask(recipe, network, data.sources, data.cutouts, data.validation)
    # The start is a whole detector: all of it is blended, the parts that began at zero too.
    initial = {name: value.clone() for name, value in network.state_dict().items()}
    return run_training(task, recipe, out, recipe.blend if recipe.blend < 1 else None, lambda: initial, **options)
