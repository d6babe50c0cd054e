"""Features and teacher labels of the frozen ImageNet network, computed once.

The same crop goes to the teacher and to what is trained (Beyer et al. 2022, "Knowledge distillation: a good teacher is
patient and consistent"); around it may stand an advertisement or a screenshot, which the teacher is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from whatsit_client.taxonomy import SOURCES

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_matrix
from whatsit.models.classifier import FEATURES
from whatsit.models.mobilenet_v2 import with_middle
from whatsit.training.classifier.data import ClassifierViews, View
from whatsit.training.common.prefetch import prefetch
from whatsit.training.common.progress import counted

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SeenViews:
    """V views of N pictures.

    Args:
        features: f16 [V, N, FEATURES], pooled, of what the network sees.
        sources: i64 [V, N], places in `SOURCES`.
        tags: f32 [V, N, 42], the teacher's tags of the photo inside; rows sum to 1.
        intents: f32 [V, N, 3], its intents; rows sum to 1.
    """

    features: npt.NDArray[np.float16]
    sources: npt.NDArray[np.int64]
    tags: FloatArray
    intents: FloatArray


def see_views(views: ClassifierViews, count: int, weights: Path, folder: Path, console: Console) -> SeenViews:
    """Make `count` views of every picture and ask the ImageNet network about them.

    Args:
        views: makes the views.
        count: views of each picture.
        weights: `mobilenet_v2_1.0_224_float.onnx`.
        folder: where the answers are kept, one file for each round of views: a run that starts again goes on there.
        console: where progress goes.
    """
    rounds: list[dict[str, npt.NDArray[np.generic]]] = []
    with OnnxRunner(with_middle(weights, folder / "imagenet.onnx")) as network:
        for number in range(count):
            cache = folder / f"seen-{views.seed}-{number}.npz"
            rounds.append(_kept(cache, views) or _see(views, number, network, cache, console))
    stacked = {name: np.stack([seen[name] for seen in rounds]) for name in ("features", "sources", "tags", "intents")}
    return SeenViews(**stacked)  # type: ignore[arg-type]  # npz files do not say their dtypes


def _see(
    views: ClassifierViews, number: int, network: OnnxRunner, cache: Path, console: Console
) -> dict[str, npt.NDArray[np.generic]]:
    size = len(views.pictures)
    features = np.zeros((size, FEATURES), np.float16)
    taught = np.zeros((size, 1001), np.float32)
    sources = np.zeros(size, np.int64)
    made = prefetch(lambda index: views.view(number, index), 0, size)
    for index in counted(range(size), f"The ImageNet network sees view {number} of the pictures", console):
        view: View = next(made)
        seen = _ask(network, view.pixels)
        features[index] = np.concatenate([seen["embedding"].reshape(-1), seen["middle"][0].mean(axis=(1, 2))])
        sources[index] = SOURCES.index(view.source)
        photo = seen if view.photo is view.pixels else _ask(network, view.photo)
        taught[index] = photo["probs"][0]
    answers: dict[str, npt.NDArray[np.generic]] = {
        "features": features,
        "sources": sources,
        "tags": _shares(taught @ tag_matrix()),
        "intents": _shares(taught @ intent_matrix()),
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part.npz")
    np.savez(part, **answers, names=_names(views))  # type: ignore[arg-type]  # a switch of savez might be named so
    part.replace(cache)
    return answers


def _ask(network: OnnxRunner, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.generic]]:
    return network.run({"images": ((pixels.astype(np.float32) - 127.5) / 127.5)[None]})


def _shares(sums: FloatArray) -> FloatArray:
    """Normalise rows to a sum of 1, without the teacher's background class."""
    return np.asarray(sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-6), np.float32)


def _kept(cache: Path, views: ClassifierViews) -> dict[str, npt.NDArray[np.generic]] | None:
    """Return the cached answers of an earlier run on the same pictures, or None."""
    if not cache.is_file():
        return None
    with np.load(cache) as kept:
        return {name: kept[name] for name in kept.files} if np.array_equal(kept["names"], _names(views)) else None


def _names(views: ClassifierViews) -> npt.NDArray[np.str_]:
    return np.array([picture.path.name for picture in views.pictures])
