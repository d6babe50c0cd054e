"""Study of unseen products on whole networks that go on from a checkpoint.

Unlike `unseen_products`, every free layer learns from views drawn anew, and training goes on from a network that saw no
groceries at all: what a merchant's network would be who trains on some of the products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console

from whatsit.evaluation.datasets.grocery import GroceryStore, Split
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.evaluation.reports.domain_report import MeasuredEmbedder
from whatsit.models.embedder import CROP_SIZE
from whatsit.studies.domain_recall import open_embedder, torch_embedding, trained_embedder
from whatsit.studies.unseen_products import UnseenRow
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.wise_ft import wise_ft
from whatsit.training.embedder.recipe import EmbedderRecipe
from whatsit.training.embedder.task import train_embedder
from whatsit.vision.crop import crop_resize

FROZEN = ("mobilenet_v2", "efficientnet_lite0")
_SPLITS: tuple[Split, ...] = ("train", "val")
_PREFIX = "network."


def measure_continued_split(
    recipe: EmbedderRecipe,
    data: Path,
    weights: Path,
    held_out: Sequence[int],
    out: Path,
    blends: Sequence[float],
    max_minutes: float | None,
    console: Console,
) -> list[UnseenRow]:
    """Train on from the recipe's start without `held_out` and measure on it.

    Args:
        recipe: sources, losses and rates; its `start` is a run's `best.pt`.
        data: the folder of the data sets.
        weights: the folder of the ImageNet MobileNetV2.
        held_out: labels of the classes left out.
        out: folder of the run; an existing one is resumed.
        blends: shares of the trained weights to measure; the rest is the start.
        max_minutes: budget of training time.
        console: where progress goes.

    Returns:
        A row for each frozen network, for the start, and for each blend.
    """
    classes = recipe.model_copy(update={"held_out_classes": tuple(held_out), "blend": 1.0})
    there = (out / checkpoint.LAST).exists()
    train_embedder(classes, data, weights, out, resume=there, max_minutes=max_minutes, console=console)
    store = GroceryStore(data / "grocery_store")
    rows = [measure_unseen(open_embedder(name, weights), store, held_out) for name in FROZEN]
    rows.append(measure_unseen(open_embedder(f"start={recipe.start}", weights), store, held_out))
    start, trained = (checkpoint.load(out / name)["module"] for name in ("start.pt", checkpoint.BEST))
    network = trained_embedder(out / checkpoint.BEST)
    for share in blends:
        mixed = wise_ft(start, trained, share)
        network.load_state_dict({k.removeprefix(_PREFIX): v for k, v in mixed.items() if k.startswith(_PREFIX)})
        blended = MeasuredEmbedder(f"blend {share:.2f}", CROP_SIZE, torch_embedding(network))
        rows.append(measure_unseen(blended, store, held_out))
    return rows


def measure_unseen(embedder: MeasuredEmbedder, store: GroceryStore, held_out: Sequence[int]) -> UnseenRow:
    """Search the held-out classes' photos among their shop images."""
    classes = np.array(held_out)
    shop = [c.image for label, c in enumerate(store.gallery()) if label in set(held_out)]
    train, of_val = ([pair for pair in _pairs(store, split) if pair[1] in set(held_out)] for split in _SPLITS)
    photos = vectors_of_files(embedder, [path for path, _ in (*train, *of_val)])
    truth = np.array([label for _, label in (*train, *of_val)])
    val = np.arange(len(truth)) >= len(train)
    gallery = vectors_of_files(embedder, shop)
    recall = recall_at_k(photos, gallery, truth, classes)
    val_recall = recall_at_k(photos[val], gallery, truth[val], classes, ks=(1,))
    return UnseenRow(embedder.name, len(photos), recall[1], recall[5], len(of_val), val_recall[1])


def _pairs(store: GroceryStore, split: Split) -> Iterator[tuple[Path, int]]:
    return zip(store.queries(split), store.truth(split), strict=True)


def vectors_of_files(embedder: MeasuredEmbedder, files: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Return the unit vectors of whole pictures squashed to the input, f32 [n, d]."""
    parts = [
        embedder.embed(np.stack([crop_resize(read_rgb(f), size=embedder.size) for f in files[i : i + 16]]))
        for i in range(0, len(files), 16)
    ]
    vectors = np.concatenate(parts)
    unit: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
