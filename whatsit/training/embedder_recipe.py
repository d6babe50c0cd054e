"""What `build/embedder.yaml` may say under `training:`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from whatsit.training.metric_losses import ClassLoss, PairLoss
from whatsit.training.recipe import TrainingRecipe


class Shares(BaseModel):
    """Part of each batch that comes from each source; 0 leaves a source out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    photos: float = Field(default=0.45, gt=0, le=1, description="Grocery photos, 81 classes.")
    shop: float = Field(default=0.2, ge=0, le=1, description="Their 81 shop images, in the same classes.")
    clothing: float = Field(default=0.05, ge=0, le=1, description="Clothing photos, 10 classes of garments.")
    scenes: float = Field(default=0.1, ge=0, le=1, description="ImageNet sample, each picture its own class.")
    rendered: float = Field(default=0.2, ge=0, le=1, description="Drawn products, each its own class.")


class EmbedderRecipe(TrainingRecipe):
    """The embedder's training: sources, network, losses and learning rates."""

    dimension: int = Field(128, ge=2, le=1280)
    size: int = Field(224, ge=32, multiple_of=32, description="Side of the training views in pixels.")
    batch: int = Field(64, ge=4)
    frozen_blocks: int = Field(3, ge=-1, le=18, description="The stem and this many blocks keep their start; -1: none.")
    backbone_rate: float = Field(2e-4, gt=0)
    head_rate: float = Field(1e-3, gt=0)
    class_rate: float = Field(4e-3, gt=0, description="Of the class vectors of the loss.")
    class_loss: ClassLoss = "cosface"
    margin: float = Field(0.1, ge=0, le=1)
    scale: float = Field(20.0, gt=0)
    pair_loss: PairLoss = "none"
    pair_weight: float = Field(0.5, ge=0)
    align_weight: float = Field(0.0, ge=0, description="Of the pull of grocery views to their class vectors.")
    twin_weight: float = Field(0.0, ge=0, description="Of two views of one picture finding each other in the batch.")
    photographed: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Chance that a view of a shop image, garment or scene is a synthetic photograph.",
    )
    shares: Shares = Shares()
    rendered_products: int = Field(800, ge=2)
    rendered_seed: int = Field(1000, ge=1000, description="Seeds below 1000 are for tests and the demo: never trained.")
    held_out_classes: tuple[int, ...] = Field((), description="Grocery classes left out, to measure unseen products.")
    held_out_photos: float = Field(
        0.0, ge=0, le=0.5, description="Last part of each class's photos left out, to compare settings without val."
    )
    blend: float = Field(
        1.0, ge=0, le=1, description="Share of the trained weights in the final ones; the rest is the start."
    )
