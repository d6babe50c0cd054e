"""Teachers of the embedder: features of frozen networks, computed once."""

from __future__ import annotations

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
from whatsit.training.embedder.picture_sources import picture_keys

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
        folder: where the features are kept, a file for each teacher; pictures that it has are not computed again.
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
            kept = _KeptFeatures(folder / f"{name}.npz")
            network: Callable[[Tensor], Tensor] | None = None
            rows = []
            for number, ingredient in enumerate(ingredients, start=1):
                keys = picture_keys(ingredient.source)
                if missing := [index for index, key in enumerate(keys) if key not in kept.places]:
                    network = network or _open(name, weights)
                    counting = counted(missing, f"{name}, source {number}", console)
                    pictures = (ingredient.source.plain(index, _SIZES[name]) for index in counting)
                    kept.add([keys[index] for index in missing], embed(network, pictures, torch.device("cpu")).numpy())
                rows.append(kept.of(keys))
            features = np.concatenate(rows).astype(np.float32)
            features -= features.mean(0)
            parts.append(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6))
        self._features = torch.from_numpy(np.concatenate(parts, axis=1) / np.sqrt(len(names)))
        self._first = np.cumsum([0, *(len(i.source.labels) for i in ingredients)])

    def of(self, places: Sequence[Place]) -> Tensor:
        """Return the features of pictures, f32 [n, d], unit length."""
        return self._features[[int(self._first[k]) + index for k, index in places]]


class _KeptFeatures:
    """Features of one teacher by picture, in a file that is replaced as a whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.places: dict[str, int] = {}
        self._features: npt.NDArray[np.float16] | None = None
        if file.exists():
            with np.load(file) as stored:
                self.places = {key: place for place, key in enumerate(stored["keys"].tolist())}
                self._features = stored["features"]

    def add(self, keys: Sequence[str], features: npt.NDArray[np.float32]) -> None:
        rows = features.astype(np.float16)
        self._features = rows if self._features is None else np.concatenate([self._features, rows])
        self.places.update({key: len(self.places) + n for n, key in enumerate(keys)})
        part = self._file.with_suffix(".part.npz")
        np.savez(part, keys=np.array(list(self.places)), features=self._features)
        part.replace(self._file)

    def of(self, keys: Sequence[str]) -> npt.NDArray[np.float16]:
        assert self._features is not None
        return self._features[[self.places[key] for key in keys]]


def _open(name: TeacherName, weights: Path) -> Callable[[Tensor], Tensor]:
    network: nn.Module
    if name == "mobilenet_v2":
        network = MobileNetV2(weights)
    else:
        network = EfficientNetLite(2 if name == "efficientnet_lite2" else 0, pretrained=True)
    network.eval()
    return lambda images: pooled(network(images))
