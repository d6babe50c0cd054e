"""The embedder: a crop in, a point on the unit sphere out; near means the same item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whatsit.models.backbone import FINAL_CHANNELS, MobileNetV2, pooled

CROP_SIZE = 224


class Embedder(nn.Module):
    """MobileNetV2, mean over the map, a linear head, L2 norm 1.

    Args:
        dimension: length of the embedding.
        weights: the ONNX file that the backbone starts from; None leaves torch's random start.
    """

    def __init__(self, dimension: int = 128, weights: Path | None = None) -> None:
        super().__init__()
        self.backbone = MobileNetV2(weights)
        self.head = nn.Linear(FINAL_CHANNELS, dimension)

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Embedder:
        """Build the untrained network of a recipe's `training:` section, for a checkpoint to fill."""
        return cls(int(recipe.get("dimension", 128)))

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled features, f32 [n, 1280], of f32 images [n, 3, h, w] scaled to -1..1."""
        return pooled(self.backbone(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return unit vectors, f32 [n, dimension], of f32 images [n, 3, h, w] scaled to -1..1."""
        features = self.features(images)
        # Outside autocast: angles are what the loss and the index compare, so the head and the norm stay in fp32.
        with torch.autocast(images.device.type, enabled=False):
            return F.normalize(cast(Tensor, self.head(features.float())))

    @torch.no_grad()
    def start_head(self, features: Tensor) -> None:
        """Set the head to the principal axes of some pooled features, f32 [n, 1280] with n >= dimension.

        Centring and projecting onto the leading axes keeps nearly all of the angles that the start network knows.
        """
        mean = features.mean(0)
        axes = torch.linalg.svd(features - mean, full_matrices=False).Vh[: self.head.out_features]
        self.head.weight.copy_(axes)
        self.head.bias.copy_(-axes @ mean)


class EmbedderForExport(nn.Module):
    """The embedder with its tensor contract: uint8 in, the normalisation inside the graph."""

    input_name, input_size = "images", CROP_SIZE
    output_names = ("embedding",)

    def __init__(self, network: Embedder) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return (f32 [n, dimension],) unit vectors of uint8 RGB crops [n, 3, 224, 224]."""
        return (self.network((images.float() - 127.5) / 127.5),)
