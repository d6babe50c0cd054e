"""Cache of the ablation's shared work: views, frozen layers, first pictures.

Nothing here changes a figure: the same views go through the same frozen weights in every row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from whatsit.models.embedder import Embedder
from whatsit.models.mobilenet_v2 import MobileNetV2
from whatsit.training.embedder.augment import Image
from whatsit.training.embedder.mixture import Ingredient
from whatsit.training.embedder.task import EmbedderTask


class SharedWork:
    """Kept from row to row.

    Attributes:
        views: drawn views by source, picture, size and state of the generator.
        maps: what the frozen layers make of pictures, by the pictures' shape and sum.
        features: of the pictures that head and class vectors start from.
    """

    def __init__(self) -> None:
        self.views: dict[Any, tuple[Image, Any]] = {}
        self.maps: dict[Any, Tensor] = {}
        self.features: dict[str, Tensor] = {}

    def attach(self, task: EmbedderTask, keep_maps: bool) -> None:
        """Attach the cache to a task."""
        for ingredient in task.ingredients:
            self._share_views(ingredient)
        self._share_frozen(task.network.backbone, keep_maps)
        look = task._features

        def once(network: Embedder, ingredient: Ingredient, indices: Iterable[int]) -> Tensor:
            key = _name(ingredient)
            if key not in self.features:
                self.features[key] = look(network, ingredient, indices)
            return self.features[key]

        task._features = once  # type: ignore[method-assign]  # a cache around the same method

    def _share_views(self, ingredient: Ingredient) -> None:
        draw, name = ingredient.source.view, _name(ingredient)

        def once(index: int, size: int, rng: Any) -> Image:
            key = (name, index, size, rng.bit_generator.state["state"]["state"])
            if key not in self.views:
                self.views[key] = (draw(index, size, rng), rng.bit_generator.state)
            view, rng.bit_generator.state = self.views[key]
            return view

        ingredient.source.view = once  # type: ignore[method-assign]

    def _share_frozen(self, backbone: Any, keep: bool) -> None:
        assert isinstance(backbone, MobileNetV2)
        frozen = next(i for i, layer in enumerate(backbone.layers) if next(layer.parameters()).requires_grad)

        def forward(x: Tensor) -> Tensor:
            key = (tuple(x.shape), float(x.double().sum()))
            if key not in self.maps:
                with torch.no_grad():
                    y = torch.cat([backbone._walk(part, 0, frozen)[0] for part in x.split(4)])
                if keep:
                    self.maps[key] = y
            else:
                y = self.maps[key]
            for layer in backbone.layers[frozen:]:
                y = layer(y)
            return y

        backbone.forward = forward  # type: ignore[method-assign]


def _name(ingredient: Ingredient) -> str:
    return f"{ingredient.first_label} {type(ingredient.source).__name__}"
