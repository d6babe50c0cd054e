"""The classifier: one look at the whole picture says its intent, its source, its topic and its tags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS

from whatsit.models.backbone import FINAL_CHANNELS, MobileNetV2, pooled

HEADS: dict[str, int] = {"intent": len(INTENTS), "source": len(SOURCES), "topic": len(TOPICS), "tag": len(TAGS)}
"""Length of each head's output, in the order of the tensor contract."""

IMAGE_SIZE = 224


class Classifier(nn.Module):
    """MobileNetV2, mean over the map, one linear head per question.

    Args:
        weights: the ONNX file that the backbone starts from; None leaves torch's random start.
        dropout: share of the pooled features that training leaves out.
    """

    def __init__(self, weights: Path | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = MobileNetV2(weights)
        self.dropout = dropout
        self.heads = nn.ModuleDict({name: nn.Linear(FINAL_CHANNELS, length) for name, length in HEADS.items()})

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Classifier:
        """Build the untrained network of a recipe's `training:` section, for a checkpoint to fill."""
        return cls(dropout=float(recipe.get("dropout", 0.0)))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the logits of each head, f32 [n, length], of f32 images [n, 3, h, w] scaled to -1..1."""
        features = F.dropout(pooled(self.backbone(images)), self.dropout, self.training)
        with torch.autocast(images.device.type, enabled=False):
            return {name: head(features.float()) for name, head in self.heads.items()}


class ClassifierForExport(nn.Module):
    """The classifier with its tensor contract: uint8 in, normalisation, resizing and softmax inside the graph.

    Args:
        network: the trained classifier.
        resolution: side in pixels at which the network looks; the input of 224 is reduced to it.
    """

    input_name, input_size = "images", IMAGE_SIZE
    output_names = tuple(HEADS)

    def __init__(self, network: Classifier, resolution: int = IMAGE_SIZE) -> None:
        super().__init__()
        self.network = network
        self.resolution = resolution

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the softmax of each head, f32 [n, length], of uint8 RGB images [n, 3, 224, 224]."""
        x = (images.float() - 127.5) / 127.5
        if self.resolution != self.input_size:
            x = F.interpolate(x, size=(self.resolution, self.resolution), mode="bilinear", align_corners=False)
        logits = self.network(x)
        return tuple(logits[name].softmax(dim=1) for name in self.output_names)
