"""Momentum contrast (MoCo v2): an embedder from pictures without labels.

Of two views of a picture, the query network's vector of one must be nearer to the key network's vector of the other
than to those of earlier pictures, which wait in a queue. The key network follows the query network slowly, so the queue
stays comparable. He et al. 2020; with the projection, the augmentation and the temperature of Chen et al. 2020.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whatsit_client.errors import InvalidInput

from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.initial_weights import IMAGENET, begin
from whatsit.training.common.loop import Outcome
from whatsit.training.common.prefetch import prefetch
from whatsit.training.common.progress import counted
from whatsit.training.common.run_training import RunOptions, prepare, run_training
from whatsit.training.embedder.augment import Image, random_blur, random_box, random_light, random_turn
from whatsit.training.embedder.embed_batch import embed, scaled, vectors_of
from whatsit.training.embedder.picture_sources import photographed_view, read_rgb
from whatsit.training.embedder.pseudo_labels import write_pseudo_labels
from whatsit.training.embedder.task import WEIGHTS
from whatsit.training.selfsupervised.moco_recipe import MocoRecipe
from whatsit.vision.crop import crop_resize

if TYPE_CHECKING:
    from typing_extensions import Unpack

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_FEW = 512  # pictures that start the head, and that validation looks at

Batch = tuple[Tensor, Tensor]


class MomentumContrast(nn.Module):
    """Query and key networks with their projections, and the queue.

    The embedder's head is the first layer of the projection of MoCo v2, so the embedding learns along.

    Args:
        network: the embedder that learns; its copy makes the keys.
        recipe: lengths, momentum and temperature.
    """

    keys: Tensor
    place: Tensor

    def __init__(self, network: Embedder, recipe: MocoRecipe) -> None:
        super().__init__()
        self.recipe, self.network = recipe, network
        self.projection = nn.Sequential(nn.ReLU(), nn.Linear(recipe.dimension, recipe.dimension))
        self.key_network, self.key_projection = copy.deepcopy(network), copy.deepcopy(self.projection)
        for part in (self.key_network, self.key_projection):
            part.requires_grad_(False)
        generator = torch.Generator().manual_seed(recipe.seed)
        self.register_buffer("keys", F.normalize(torch.randn(recipe.queue, recipe.dimension, generator=generator)))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def loss(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the InfoNCE loss of two views; the queue moves on.

        f32 [n, 3, s, s] each, in -1..1.
        """
        vectors = self._project(self.network, self.projection, queries)
        with torch.no_grad():
            if self.training:
                self._follow()
            positive = self._project(self.key_network, self.key_projection, keys)
        same, others = (vectors * positive).sum(1, keepdim=True), vectors @ self.keys.clone().T
        logits = torch.cat([same, others], dim=1) / self.recipe.temperature
        if self.training:
            self._enqueue(positive)
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))

    @staticmethod
    def _project(network: Embedder, projection: nn.Module, images: Tensor) -> Tensor:
        return F.normalize(projection(network.head(network.features(images).float())).float())

    @torch.no_grad()
    def start_keys(self) -> None:
        """Set the key network to the query network."""
        self.key_network.load_state_dict(self.network.state_dict())

    def _follow(self) -> None:
        for slow, fast in ((self.key_network, self.network), (self.key_projection, self.projection)):
            for mine, other in zip(slow.parameters(), fast.parameters(), strict=True):
                mine.lerp_(other, 1 - self.recipe.momentum)

    def _enqueue(self, vectors: Tensor) -> None:
        places = (int(self.place) + torch.arange(len(vectors), device=vectors.device)) % len(self.keys)
        self.keys[places] = vectors
        self.place.fill_((int(self.place) + len(vectors)) % len(self.keys))


class MocoTask:
    """Momentum contrast as a task of `whatsit.training.common.loop.fit`.

    Args:
        recipe: the recipe.
        files: the pictures.
        weights: the ImageNet MobileNetV2; None for a random start.
    """

    def __init__(self, recipe: MocoRecipe, files: Sequence[Path], weights: Path | None) -> None:
        if len(files) < recipe.batch:
            raise InvalidInput(f"A batch has {recipe.batch} pictures, but there are {len(files)}: pass more.")
        self.recipe, self.files = recipe, list(files)
        network = Embedder(recipe.dimension, weights, backbone=recipe.backbone)
        network.backbone.freeze(recipe.frozen_blocks)
        self.contrast = MomentumContrast(network, recipe)
        self.module: nn.Module = self.contrast
        self.steps_per_epoch = len(self.files) // recipe.batch

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return two groups: the backbone, and head with projection."""
        network, projection = self.contrast.network, self.contrast.projection
        learnt = [p for p in network.backbone.parameters() if p.requires_grad]
        heads = [*network.head.parameters(), *projection.parameters()]
        return [{"params": learnt, "lr": self.recipe.backbone_rate}, {"params": heads, "lr": self.recipe.head_rate}]

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield two views of each picture, uint8 [n, 3, size, size] each."""
        order = np.random.default_rng([self.recipe.seed, 2, epoch]).permutation(len(self.files))

        def batch(step: int) -> Batch:
            chosen = order[step * self.recipe.batch : (step + 1) * self.recipe.batch].tolist()
            views = [[self._view(i, [epoch, i, side]) for i in chosen] for side in (0, 1)]
            first, second = (torch.from_numpy(np.stack(part)) for part in views)
            return first, second

        return prefetch(batch, start, self.steps_per_epoch)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the contrastive loss."""
        return self.contrast.loss(scaled(batch[0]), scaled(batch[1])), {}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the share of some pictures whose other view is the nearest vector."""
        some = np.random.default_rng(0).permutation(len(self.files))[:_FEW].tolist()
        network = self.contrast.network
        first, second = (vectors_of(network, (self._view(i, [10**6, i, side]) for i in some)) for side in (0, 1))
        return {"view_r1": float(((first @ second.T).argmax(1) == np.arange(len(some))).mean())}

    def start(self) -> None:
        """Start the head by the principal axes of the features of some pictures."""
        network = self.contrast.network
        some = np.random.default_rng(1).permutation(len(self.files))[:_FEW].tolist()
        pictures = (crop_resize(read_rgb(self.files[i]), size=CROP_SIZE) for i in some)
        network.start_head(embed(network.features, pictures, network.head.weight.device))

    def _view(self, index: int, key: list[int]) -> Image:
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, 3, *key])
        image = read_rgb(self.files[index])
        if rng.random() < recipe.photographed:
            return photographed_view(image, recipe.size, rng)
        if rng.random() < 0.3:
            image = random_turn(image, rng, degrees=15)
        view = crop_resize(image, random_box(image, rng, recipe.smallest), recipe.size).transpose(1, 2, 0)
        view = np.ascontiguousarray(view[:, ::-1] if rng.random() < 0.5 else view)
        view = random_blur(random_light(view, rng, 0.4), rng, largest=2.0)
        if rng.random() < recipe.grey:
            view = np.repeat(view.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        return np.ascontiguousarray(view.transpose(2, 0, 1))


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """Return all pictures below the folders, in order of their paths.

    Raises:
        InvalidInput: a folder holds none.
    """
    found: list[Path] = []
    for folder in folders:
        here = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not here:
            raise InvalidInput(f"There are no pictures in {folder}: pass a folder of JPEG, PNG or WebP files.")
        found += here
    return found


def train_moco(
    recipe: MocoRecipe,
    data: Path,
    weights: Path,
    out: Path,
    photos: Path | None = None,
    **options: Unpack[RunOptions],
) -> Outcome:
    """Train an embedder without labels, on a folder or the recipe's data sets.

    Args:
        recipe: the recipe.
        data: the folder of the data sets; not read where `photos` is given.
        weights: the folder that holds the ImageNet MobileNetV2; read only for that start.
        out: the run's folder; `out/best.pt` is a start for `whatsit train embedder`, and can be built itself;
            `out/clusters.npz` holds the pictures' pseudo-labels for its task "cluster".
        photos: pictures of your own.
        options: of the run.

    Raises:
        InvalidInput: there are too few pictures, or `out` does not fit `resume`.
    """
    console = prepare(recipe.seed, **options)
    files = find_pictures([photos] if photos else [data / name for name in recipe.photos])
    task = MocoTask(recipe, files, weights / WEIGHTS if recipe.start == IMAGENET else None)
    begin(task.contrast.network, recipe.start, "embedder")
    if not options.get("resume") and recipe.start == IMAGENET:
        task.start()
    task.contrast.start_keys()
    outcome = run_training(task, recipe, out, **options)
    if outcome.finished:
        network = task.contrast.network
        best = checkpoint.load(out / checkpoint.BEST)["module"]
        own = {name.removeprefix("network."): value for name, value in best.items() if name.startswith("network.")}
        network.load_state_dict(own)
        pictures = (crop_resize(read_rgb(path), size=CROP_SIZE) for path in counted(files, "clustering", console))
        vectors = vectors_of(network.eval(), pictures)
        write_pseudo_labels(files, vectors, recipe.clusters, recipe.seed, out / "clusters.npz")
    return outcome
