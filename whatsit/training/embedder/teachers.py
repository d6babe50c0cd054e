"""Teachers of the embedder: features of frozen networks, computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from torch import Tensor, nn

from whatsit.models.efficientnet_lite import EfficientNetLite
from whatsit.models.embedder import CROP_SIZE
from whatsit.models.mobilenet_v2 import MobileNetV2, pooled
from whatsit.training.common.progress import counted
from whatsit.training.embedder.embed_batch import embed
from whatsit.training.embedder.mixture import Ingredient, Place

TeacherName = Literal["mobilenet_v2", "efficientnet_lite0", "efficientnet_lite2"]
_SIZES: dict[TeacherName, int] = {"mobilenet_v2": CROP_SIZE, "efficientnet_lite0": CROP_SIZE, "efficientnet_lite2": 256}


class Teachers:
    """Features of the plain pictures of all sources, by one or more frozen networks.

    Each teacher's features are centred and brought to unit length, then put side by side: their product is the mean of
    the teachers' cosines.

    Args:
        names: of the networks.
        ingredients: of the mixture, in its order.
        weights: the ImageNet MobileNetV2.
        folder: where the features are kept, a file for each teacher and source.
        console: where progress goes.

    Raises:
        Unavailable: the weights of an EfficientNet-Lite are not installed.
    """

    def __init__(
        self,
        names: Sequence[TeacherName],
        ingredients: Sequence[Ingredient],
        weights: Path,
        folder: Path,
        console: Console,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        parts = []
        for name in names:
            network: Callable[[Tensor], Tensor] | None = None
            rows = []
            for number, ingredient in enumerate(ingredients, start=1):
                file = folder / f"{name}-{number}-{_fingerprint(ingredient)}.npy"
                if not file.exists():
                    network = network or _open(name, weights)
                    self._compute(network, _SIZES[name], ingredient, file, f"{name}, source {number}", console)
                rows.append(np.load(file))
            features = np.concatenate(rows).astype(np.float32)
            features -= features.mean(0)
            parts.append(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6))
        self._features = torch.from_numpy(np.concatenate(parts, axis=1) / np.sqrt(len(names)))
        self._first = np.cumsum([0, *(len(i.source.labels) for i in ingredients)])

    def of(self, places: Sequence[Place]) -> Tensor:
        """Return the features of pictures, f32 [n, d], unit length."""
        return self._features[[int(self._first[k]) + index for k, index in places]]

    @staticmethod
    def _compute(
        network: Callable[[Tensor], Tensor], size: int, ingredient: Ingredient, file: Path, what: str, console: Console
    ) -> None:
        indices = range(len(ingredient.source.labels))
        pictures = (ingredient.source.plain(i, size) for i in counted(indices, what, console))
        features: npt.NDArray[np.float16] = embed(network, pictures, torch.device("cpu")).numpy().astype(np.float16)
        part = file.with_suffix(".part.npy")
        np.save(part, features)
        part.replace(file)


def _open(name: TeacherName, weights: Path) -> Callable[[Tensor], Tensor]:
    network: nn.Module
    if name == "mobilenet_v2":
        network = MobileNetV2(weights)
    else:
        network = EfficientNetLite(2 if name == "efficientnet_lite2" else 0, pretrained=True)
    network.eval()
    return lambda images: pooled(network(images))


def _fingerprint(ingredient: Ingredient) -> str:
    """Return 12 hex digits of what a source holds: its kind, its files and labels."""
    source = ingredient.source
    digest = hashlib.sha256(type(source).__name__.encode())
    for path in getattr(source, "files", ()):
        digest.update(f"{path.parent.name}/{path.name}".encode())
    digest.update(np.ascontiguousarray(source.labels).tobytes())
    return digest.hexdigest()[:12]
