"""What `build/classifier.yaml` may say under `training:`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from whatsit.training.recipe import TrainingRecipe


class Groups(BaseModel):
    """Part of each batch that comes from each source; the shares are normalised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    imagenet: float = Field(
        default=0.4, ge=0, description="imagenet_sample without its held-out fifth: the only `other`."
    )
    grocery: float = Field(default=0.22, ge=0, description="Grocery photos.")
    shop: float = Field(default=0.06, ge=0, description="Their 81 shop images.")
    clothing: float = Field(default=0.18, ge=0, description="Clothing photos.")
    rendered: float = Field(
        default=0.14, ge=0, description="Drawn products: scenes, photos of one, catalogue pictures."
    )


class ClassifierRecipe(TrainingRecipe):
    """The classifier's training: sources, targets and learning rates."""

    resolution: int = Field(160, ge=64, multiple_of=32, description="Side in pixels at which the network looks.")
    batch: int = Field(48, ge=4)
    steps_per_epoch: int = Field(150, ge=1)
    frozen_blocks: int = Field(10, ge=-1, le=18, description="The stem and this many blocks keep their start.")
    backbone_rate: float = Field(2e-4, gt=0)
    head_rate: float = Field(2e-3, gt=0)
    dropout: float = Field(0.2, ge=0, lt=1)
    groups: Groups = Groups()
    composed: float = Field(0.4, ge=0, le=1, description="Share of pictures made into an advertisement or screenshot.")
    rendered_pictures: int = Field(600, ge=0)
    rendered_seed: int = Field(1000, ge=1000, description="Seeds below 1000 are for tests and the demo: never trained.")
    teacher_share: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Of the tag target of imagenet photos; the rest is their class. Half of it elsewhere.",
    )
    sought_weight: float = Field(
        2.0, gt=0, description="Weight of apparel and goods against `other`: a false `other` costs a buyer his match."
    )
    head_weights: dict[str, float] = Field(
        {"intent": 1.0, "source": 1.0, "topic": 0.3, "tag": 1.0}, description="Weight of each head's loss."
    )
