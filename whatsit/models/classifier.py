"""Classifier of whole pictures: intent, source, topic and tags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whatsit_client.taxonomy import INTENTS, SOURCES, TAG_TOPIC, TAGS, TOPICS

from whatsit.models.mobilenet_v2 import FINAL_CHANNELS, STAGE_CHANNELS, MobileNetV2, imagenet_head, pooled

OUTPUTS: dict[str, int] = {"intent": len(INTENTS), "source": len(SOURCES), "topic": len(TOPICS), "tag": len(TAGS)}
"""Length of each output, in the order of the tensor contract."""

IMAGE_SIZE = 224
FEATURES = FINAL_CHANNELS + STAGE_CHANNELS[16]
"""Pooled final map, then pooled map of stride 16."""
_CLASSES = 1001
_LEAST = 1e-3


class Classifier(nn.Module):
    """MobileNetV2, mean pooling, heads for intent, source and tags; topics sum tags.

    A tag or an intent is the union of dozens of ImageNet classes, which no single linear direction separates. So the
    ImageNet head stays: the probabilities of its classes are summed into tags and intents, and the heads learn what is
    to be added to their logarithms (and all of it for the tags that ImageNet knows nothing of). The three heads share
    one hidden layer, which looks at the pooled map of stride 16 too: the layout of a screenshot or an advertisement is
    gone from the final map.

    Args:
        weights: the ONNX file that backbone and ImageNet head start from; None leaves torch's random start.
        class_tags: f32 [1001, 42], 1 where a class belongs to a tag; None where a checkpoint follows.
        class_intents: f32 [1001, 3], 1 where a class has an intent; None where a checkpoint follows.
        dropout: share of the pooled features, and of the hidden layer, that training leaves out.
        hidden: units of the layer that the heads share; 0 puts the heads on the pooled final map alone.
    """

    class_tags: Tensor
    class_intents: Tensor
    tag_topics: Tensor

    def __init__(
        self,
        weights: Path | None = None,
        class_tags: Tensor | None = None,
        class_intents: Tensor | None = None,
        dropout: float = 0.0,
        hidden: int = 0,
    ) -> None:
        super().__init__()
        self.backbone = MobileNetV2(weights)
        self.dropout = dropout
        self.imagenet = nn.Linear(FINAL_CHANNELS, _CLASSES) if weights is None else imagenet_head(weights)
        self.hidden = nn.Sequential(nn.Linear(FEATURES, hidden), nn.ReLU()) if hidden else None
        width = hidden or FINAL_CHANNELS
        self.heads = nn.ModuleDict({name: nn.Linear(width, OUTPUTS[name]) for name in ("intent", "source", "tag")})
        for head in self.heads.values():
            nn.init.zeros_(cast(nn.Linear, head).weight)
            nn.init.zeros_(cast(nn.Linear, head).bias)
        self.register_buffer("class_tags", torch.zeros(_CLASSES, len(TAGS)) if class_tags is None else class_tags)
        intents = torch.zeros(_CLASSES, len(INTENTS)) if class_intents is None else class_intents
        self.register_buffer("class_intents", intents)
        topics = [TOPICS.index(TAG_TOPIC[tag]) for tag in TAGS]
        self.register_buffer("tag_topics", F.one_hot(torch.tensor(topics), len(TOPICS)).float(), persistent=False)

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Classifier:
        """Build the untrained network of a recipe's `training:` section."""
        return cls(dropout=float(recipe.get("dropout", 0.0)), hidden=int(recipe.get("hidden", 0)))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits f32 [n, length] of f32 images [n, 3, h, w] scaled to -1..1."""
        return self.answer(torch.cat([pooled(part) for part in self.backbone.look(images)], dim=1))

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Return logits f32 [n, length] of pooled features f32 [n, FEATURES].

        "correction" beside them is what the tag head adds to ImageNet's logarithms, f32 [n, 42].
        """
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            final = features[:, :FINAL_CHANNELS]
            classes = self.imagenet(final).softmax(dim=1)
            features = F.dropout(features if self.hidden else final, self.dropout, self.training)
            if self.hidden is not None:
                features = F.dropout(self.hidden(features), self.dropout, self.training)
            logits = {name: head(features) for name, head in self.heads.items()}
            logits["correction"] = logits["tag"]
            logits["intent"] = logits["intent"] + (classes @ self.class_intents).clamp(min=_LEAST).log()
            logits["tag"] = logits["tag"] + (classes @ self.class_tags).clamp(min=_LEAST).log()
            logits["topic"] = (logits["tag"].softmax(dim=1) @ self.tag_topics).clamp(min=1e-9).log()
        return logits


class ClassifierForExport(nn.Module):
    """Classifier with its tensor contract: uint8 in, softmax inside the graph.

    Args:
        network: the trained classifier.
        resolution: side in pixels at which the network looks; the input of 224 is reduced to it.
    """

    input_name, input_size = "images", IMAGE_SIZE
    output_names = tuple(OUTPUTS)

    def __init__(self, network: Classifier, resolution: int = IMAGE_SIZE) -> None:
        super().__init__()
        self.network = network
        self.resolution = resolution

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return softmax f32 [n, length] of uint8 RGB images [n, 3, 224, 224]."""
        x = (images.float() - 127.5) / 127.5
        if self.resolution != self.input_size:
            x = F.interpolate(x, size=(self.resolution, self.resolution), mode="bilinear", align_corners=False)
        logits = self.network(x)
        return tuple(logits[name].softmax(dim=1) for name in self.output_names)
