"""Recipe of momentum contrast: `training:` of `build/moco.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from whatsit.training.common.training_recipe import TrainingRecipe


class MocoRecipe(TrainingRecipe):
    """MoCo v2 (Chen, Fan, Girshick and He 2020).

    The network is an embedder; `whatsit train embedder --start` goes on from it.
    """

    backbone: Literal["mobilenet_v2", "efficientnet_lite0"] = "mobilenet_v2"
    dimension: int = Field(128, ge=2, le=1280, description="Of the embedding, and of the projection.")
    size: int = Field(160, ge=32, multiple_of=32, description="Side of the views in pixels.")
    batch: int = Field(48, ge=4, description="Pictures, each in two views.")
    queue: int = Field(4096, ge=8, description="Earlier vectors that a view is told apart from.")
    momentum: float = Field(0.99, ge=0, lt=1, description="Of the key network, per step.")
    temperature: float = Field(0.2, gt=0)
    smallest: float = Field(0.4, gt=0, le=1, description="Smallest side of a random crop, as a share.")
    grey: float = Field(0.2, ge=0, le=1, description="Chance of a grey view.")
    photographed: float = Field(0.3, ge=0, le=1, description="Chance of a synthetic photograph.")
    frozen_blocks: int = Field(3, ge=-1, le=18)
    backbone_rate: float = Field(2e-4, gt=0)
    head_rate: float = Field(1e-3, gt=0)
    clusters: int = Field(256, ge=2, description="Pseudo-labels that are written beside best.pt.")
    photos: tuple[str, ...] = Field(
        (
            "grocery_store/train",
            "grocery_store/iconic-images-and-descriptions",
            "clothing_small/train",
            "clothing_rest/images",
            "imagenet_sample",
        ),
        description="Folders of pictures below --data, whatever they show.",
    )
