"""Embedder: from a crop to a unit vector; near vectors mean the same item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whatsit.models.attention import Attention, attention
from whatsit.models.efficientnet_lite import EfficientNetLite
from whatsit.models.mobilenet_v2 import FINAL_CHANNELS, MobileNetV2, pooled
from whatsit.models.resnet import MEAN, STAGE_CHANNELS, STD, ResNet50

CROP_SIZE = 224

Backbone = Literal["mobilenet_v2", "efficientnet_lite0", "resnet50"]


class Embedder(nn.Module):
    """A backbone, attention if asked for, mean over the map, a linear head, L2 norm 1.

    Args:
        dimension: length of the embedding.
        weights: the ONNX file that MobileNetV2 starts from; None leaves torch's random start. EfficientNet-Lite0 starts
            from its package's weights where this is given.
        gates: attention on the last map.
        backbone: "mobilenet_v2", "efficientnet_lite0" or, for GPUs, "resnet50"; their features are of length 1280, 1280
            and 2048.
        pretrained: weights that ResNet-50 starts from, see `ResNet50`.
    """

    def __init__(
        self,
        dimension: int = 128,
        weights: Path | None = None,
        gates: Attention = "none",
        backbone: Backbone = "mobilenet_v2",
        pretrained: str = "",
    ) -> None:
        super().__init__()
        large = backbone == "resnet50"
        channels = STAGE_CHANNELS[32] if large else FINAL_CHANNELS
        self.backbone: MobileNetV2 | EfficientNetLite | LastMapOfResNet50
        if large:
            self.backbone = LastMapOfResNet50(pretrained)
        elif backbone == "efficientnet_lite0":
            self.backbone = EfficientNetLite(0, pretrained=weights is not None)
        else:
            self.backbone = MobileNetV2(weights)
        self.attention = attention(gates, channels)
        self.head = nn.Linear(channels, dimension)

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Embedder:
        """Build the untrained network of a recipe's `training:` section."""
        backbone, gates = recipe.get("backbone", "mobilenet_v2"), recipe.get("attention", "none")
        return cls(int(recipe.get("dimension", 128)), gates=gates, backbone=backbone)

    def features(self, images: Tensor) -> Tensor:
        """Return features f32 [n, 1280 or 2048] of f32 images [n, 3, h, w] in -1..1."""
        return pooled(self.attention(self.backbone(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Return unit vectors f32 [n, dimension] of f32 images [n, 3, h, w] in -1..1."""
        return self.project(self.features(images))

    def project(self, features: Tensor) -> Tensor:
        """Return unit vectors, f32 [n, dimension], of pooled features."""
        # Outside autocast: angles are what the loss and the index compare, so the head and the norm stay in fp32.
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize(cast(Tensor, self.head(features.float())))

    @torch.no_grad()
    def start_head(self, features: Tensor) -> None:
        """Set the head to the principal axes of some pooled features, f32 [n, length].

        Centring and projecting onto the leading axes keeps nearly all of the angles that the start network knows. With
        fewer features than the embedding is long, the other axes are any that are at right angles to them.
        """
        mean, length = features.mean(0), self.head.out_features
        axes = torch.linalg.svd(features - mean, full_matrices=len(features) < length).Vh[:length]
        self.head.weight.copy_(axes)
        self.head.bias.copy_(-axes @ mean)


class LastMapOfResNet50(ResNet50):
    """ResNet-50 with MobileNetV2's input that returns its last map."""

    def forward(self, images: Tensor) -> Tensor:
        """Return f32 [n, 2048, h / 32, w / 32] of f32 images [n, 3, h, w] scaled to -1..1."""
        mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        return self.stages((images * 127.5 + 127.5 - mean) / std)[32]


class EmbedderForExport(nn.Module):
    """Embedder with its tensor contract: uint8 in, normalisation inside the graph."""

    input_name, input_size = "images", CROP_SIZE
    output_names = ("embedding",)

    def __init__(self, network: Embedder) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return (f32 [n, dimension],) unit vectors of uint8 RGB crops [n, 3, 224, 224]."""
        return (self.network((images.float() - 127.5) / 127.5),)
