"""Recipe of the detector: `training:` of `build/detector.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from whatsit.training.common.training_recipe import TrainingRecipe


class DetectorRecipe(TrainingRecipe):
    """The `training:` section of the detector's recipe."""

    backbone: Literal["mobilenet_v2", "resnet50", "csp_nano"] = Field(
        "mobilenet_v2", description="csp_nano is YOLOX-nano and starts from its weights; resnet50 is for GPUs."
    )
    stages: Literal[1, 2] = Field(1, description="2: Faster R-CNN on mobilenet_v2; `depth` is that of its proposals.")
    pretrained: str = Field("", description="resnet50: transformers' name of its weights, or a folder; empty: random.")
    canvas: int = Field(
        416, ge=64, multiple_of=32, description="Side that the server uses, in pixels; validation does too."
    )
    sizes: tuple[int, ...] = Field((320, 416), description="Sides of training pictures, one at random for each batch.")
    batch: int = Field(16, ge=1)
    steps_per_epoch: int = Field(150, ge=1)
    channels: int = Field(96, ge=8, description="Width of the pyramid and the towers.")
    depth: int = Field(2, ge=1, description="Convolutions in each tower.")
    frozen_blocks: int = Field(5, ge=-1, description="Backbone blocks that keep their weights; -1 trains all.")
    backbone_rate: float = Field(
        2e-4, gt=0, description="Of what starts trained: the backbone; of csp_nano nearly all."
    )
    head_rate: float = Field(2e-3, gt=0, description="Of the rest.")
    shares: dict[str, float] = Field(
        default={"scenes": 0.25, "shop": 0.3, "grocery": 0.15, "clothing": 0.1, "photos": 0.2},
        description="How often each source is drawn: real scenes, rendered shop scenes, product photos, any photos.",
    )
    mosaic: float = Field(0.35, ge=0, le=1, description="Share of samples that are mosaics of four pictures.")
    pasted: float = Field(0.3, ge=0, le=1, description="Share of the other samples that get drawn products pasted on.")
    rendered_scenes: int = Field(1500, ge=0, description="Shop scenes to render.")
    rendered_products: int = Field(1500, ge=0, description="Different products in them.")
    rendered_seed: int = Field(1000, ge=1000, description="Shop of those products; the demo's, 1, is never trained on.")
    validation_every: int = Field(
        0, ge=0, description="Of the real scenes, every so-manieth validates and does not train; 0: all train."
    )
    blend: float = Field(
        1.0, ge=0, le=1, description="Share of the training in what started trained; the rest of it is the start."
    )
    validation_scenes: int = Field(60, ge=0, description="Rendered scenes of another shop that choose the best epoch.")
