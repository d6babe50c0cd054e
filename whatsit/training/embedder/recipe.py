"""Recipe of the embedder: `training:` of `build/embedder.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from whatsit.models.attention import Attention
from whatsit.models.embedder import Backbone
from whatsit.training.common.training_recipe import TrainingRecipe
from whatsit.training.embedder.losses.metric_losses import ClassLoss, PairLoss
from whatsit.training.embedder.losses.multi_task import TaskWeighting
from whatsit.training.embedder.random_erasing import Erasing
from whatsit.training.embedder.task_labels import TaskName
from whatsit.training.embedder.teachers import TeacherName


class Shares(BaseModel):
    """Part of each batch that comes from each source; 0 leaves a source out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    photos: float = Field(default=0.45, ge=0, le=1, description="Grocery photos, 81 classes.")
    shop: float = Field(default=0.2, ge=0, le=1, description="Their 81 shop images, in the same classes.")
    clothing: float = Field(default=0.05, ge=0, le=1, description="Clothing photos, 10 classes of garments.")
    scenes: float = Field(default=0.1, ge=0, le=1, description="ImageNet sample, each picture its own class.")
    rendered: float = Field(default=0.2, ge=0, le=1, description="Drawn products, each its own class.")
    wardrobe: float = Field(default=0, ge=0, le=1, description="Photos of clothing_rest, each its own class.")
    views: float = Field(default=0, ge=0, le=1, description="Products in several views: magento2_luma.")
    covers: float = Field(default=0, ge=0, le=1, description="Drawn covers and labels, each its own class.")

    @model_validator(mode="after")
    def _has_one(self) -> Shares:
        if not any(vars(self).values()):
            raise ValueError("shares: at least one is above 0")
        return self


class EmbedderRecipe(TrainingRecipe):
    """The embedder's training: sources, network, losses and learning rates.

    What each switch did to recall is in perf/results/embedder_switches.csv.
    """

    backbone: Backbone = Field(
        "mobilenet_v2", description="efficientnet_lite0 starts from its package's weights; resnet50 is for GPUs."
    )
    pretrained: str = Field("", description="resnet50: transformers' name of its weights, or a folder; empty: random.")
    attention: Attention = Field("none", description="On the last map: channels, places, or both.")
    dimension: int = Field(128, ge=2, le=1280)
    size: int = Field(224, ge=32, multiple_of=32, description="Side of the training views in pixels.")
    batch: int = Field(64, ge=4)
    frozen_blocks: int = Field(3, ge=-1, le=18, description="The stem and this many blocks keep their start; -1: none.")
    backbone_rate: float = Field(2e-4, gt=0)
    head_rate: float = Field(1e-3, gt=0)
    class_rate: float = Field(4e-3, gt=0, description="Of the class vectors of the loss.")
    class_loss: ClassLoss = "cosface"
    margin: float = Field(0.1, ge=0, le=4, description="Cosine, radians, or the angle's factor (sphereface: 1 to 4).")
    scale: float = Field(20.0, gt=0)
    pair_loss: PairLoss = "none"
    pair_weight: float = Field(0.5, ge=0)
    align_weight: float = Field(0.0, ge=0, description="Of the pull of grocery views to their class vectors.")
    simclr_weight: float = Field(0.0, ge=0, description="Of the SimCLR loss between two views of a picture.")
    photographed: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Chance that a view of a shop image, garment or scene is a synthetic photograph.",
    )
    teachers: tuple[TeacherName, ...] = Field((), description="Frozen networks whose similarities are distilled.")
    distil_weight: float = Field(1.0, ge=0, description="Of that distillation; without teachers it is none.")
    tasks: tuple[TaskName, ...] = Field((), description="What heads learn beside the product, in training only.")
    clusters: str = Field("", description="Pseudo-labels of the task cluster: clusters.npz of `whatsit train moco`.")
    task_weight: float = Field(0.2, ge=0, description="Of the mean loss of the tasks.")
    task_weighting: TaskWeighting = Field("equal", description="trend: by how much their validation losses move.")
    task_interval: int = Field(50, ge=1, description="Steps between two looks at the validation losses.")
    mining: Literal["none", "layered_dbscan"] = Field("none", description="Lets the photos of confusable classes meet.")
    mining_layers: tuple[float, ...] = Field(
        (0.15, 0.3, 0.5),
        description="Share of the classes that have a neighbour within each layer's radius, ascending.",
    )
    mutual: Backbone | Literal["none"] = Field("none", description="A large network that learns along, and teaches.")
    mutual_dimension: int = Field(512, ge=2, description="Length of the large network's vectors.")
    mutual_size: int = Field(0, ge=0, multiple_of=32, description="Side of the large network's views; 0: `size`.")
    mutual_weight: float = Field(1.0, ge=0, description="Of the divergence from the large network.")
    erasing: Erasing = Field(
        "none", description="A region of training views: anywhere, by coin toss, or the strongest."
    )
    erasing_chance: float = Field(0.5, ge=0, le=1, description="Of a view to be touched.")
    erasing_share: float = Field(0.15, ge=0.02, le=0.9, description="Of its area.")
    shares: Shares = Shares()
    rendered_products: int = Field(800, ge=2)
    covers: int = Field(600, ge=2, description="Drawn covers and labels.")
    rendered_seed: int = Field(1000, ge=1000, description="Seeds below 1000 are for tests and the demo: never trained.")
    held_out_classes: tuple[int, ...] = Field((), description="Grocery classes left out, to measure unseen products.")
    held_out_photos: float = Field(
        0.0, ge=0, le=0.5, description="Last part of each class's photos left out, to compare settings without val."
    )
    blend: float = Field(
        1.0, ge=0, le=1, description="Share of the trained weights in the final ones; the rest is the start."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> EmbedderRecipe:
        if self.class_loss == "sphereface" and self.margin not in {1.0, 2.0, 3.0, 4.0}:
            raise ValueError("sphereface takes a margin of 1, 2, 3 or 4: the factor of the angle")
        if self.class_loss != "sphereface" and self.margin > 1:
            raise ValueError("margin is at most 1, but for sphereface")
        if self.tasks and self.task_weighting == "trend" and not self.held_out_photos:
            raise ValueError("task_weighting: trend looks at held-out photos; set held_out_photos above 0")
        if ("cluster" in self.tasks) != bool(self.clusters):
            raise ValueError("the task cluster needs clusters: a file, and clusters needs the task")
        if "cluster" in self.tasks and (self.mining != "none" or self.custom is not None):
            raise ValueError("the task cluster needs mining: none, and the built-in data")
        if list(self.mining_layers) != sorted(self.mining_layers) or not all(0 <= s <= 1 for s in self.mining_layers):
            raise ValueError("mining_layers are shares from 0 to 1, ascending")
        if self.teachers and (self.mining != "none" or self.custom is not None):
            raise ValueError("teachers need mining: none, and the built-in data")
        if 0 < self.mutual_size < self.size:
            raise ValueError("mutual_size is at least size, or 0")
        return self
