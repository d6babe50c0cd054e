"""Recipe of the classifier: `training:` of `build/classifier.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from whatsit.training.common.training_recipe import TrainingRecipe


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
    """Recipe of the classifier: views, targets and learning rate."""

    views: int = Field(
        4,
        ge=1,
        description="Views of each picture: the picture itself, then augmented ones, every other one of them composed "
        "into an advertisement or a screenshot.",
    )
    hidden: int = Field(256, ge=0, description="Units of the layer that the heads share; 0: none.")
    batch: int = Field(96, ge=4)
    steps_per_epoch: int = Field(150, ge=1)
    head_rate: float = Field(2e-3, gt=0)
    dropout: float = Field(0.2, ge=0, lt=1)
    groups: Groups = Groups()
    rendered_pictures: int = Field(600, ge=0)
    rendered_seed: int = Field(1000, ge=1000, description="Seeds below 1000 are for tests and the demo: never trained.")
    teacher_tags: float = Field(
        0.9, ge=0, le=1, description="The teacher's part of an ImageNet photo's tag target; the rest is its class."
    )
    teacher_intents: float = Field(0.5, ge=0, le=1, description="The same for its intent.")
    stay: float = Field(
        1.0,
        ge=0,
        description="Weight of the mean square that the tag head adds on ImageNet photos: what the teacher "
        "knows should stay as it is.",
    )
    sought_weight: float = Field(
        1.5, gt=0, description="Weight of apparel and goods against `other`: a false `other` costs a buyer his match."
    )
    fold: int | None = Field(
        None,
        ge=0,
        le=4,
        description="A fifth of the training pictures to leave out and measure: for choosing settings.",
    )
