"""Region embedder: vectors of all regions of a picture from one shared map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whatsit.models.roi_align import roi_align

POINTS = 7


class RegionEmbedder(nn.Module):
    """A backbone over the whole picture, RoIAlign, and a head for each region.

    Distilled from the embedder of crops, whose vectors it imitates: a picture with many regions then costs little more
    than one with a single region.

    Args:
        backbone: its `stages` gives feature maps by stride, as `MobileNetV2` does.
        stage_channels: channels of the maps at strides 8, 16 and 32.
        dimension: length of the embedding.
        width: channels of the head.
    """

    def __init__(
        self, backbone: nn.Module, stage_channels: Mapping[int, int], dimension: int = 128, width: int = 384
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.lateral = nn.ModuleDict({str(s): nn.Conv2d(stage_channels[s], width, 1) for s in (8, 16, 32)})
        self.mix = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.Conv2d(width, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(),
        )
        self.head = nn.Linear(2 * width, dimension)

    def forward(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Embed regions.

        Args:
            images: uint8 or f32 [n, 3, S, S], RGB letterboxes 0..255; S a multiple of 32.
            boxes: f32 [n, R, 4], x1,y1,x2,y2 in pixels of the canvas.

        Returns:
            f32 [n, R, dimension], unit length.
        """
        stages = self.backbone.stages((images.float() - 127.5) / 127.5)  # type: ignore[operator]
        read: Tensor | None = None
        for stride, layer in self.lateral.items():
            # Before RoIAlign: the 1x1 convolution then runs once a cell and not once a region.
            part = roi_align([layer(stages[int(stride)])], [int(stride)], boxes, POINTS)
            read = part if read is None else read + part
        assert read is not None  # there are three maps
        flat = read.reshape(-1, *read.shape[2:])
        vectors = cast(Tensor, self.head(self.mix(flat).mean((2, 3))))
        return F.normalize(vectors).reshape(-1, int(boxes.shape[1]), int(vectors.shape[1]))


def distillation_loss(vectors: Tensor, wanted: Tensor, there: Tensor) -> Tensor:
    """Return the mean of 1 - cosine over the regions that are there.

    Args:
        vectors: of the student, f32 [n, R, d], unit length.
        wanted: of the teacher, f32 [n, R, d], unit length.
        there: bool [n, R]; the others only fill the batch.
    """
    apart = 1 - (vectors * wanted).sum(-1)
    return torch.where(there, apart, torch.zeros_like(apart)).sum() / there.sum().clamp(min=1)
