"""Recipe of the loop: the sections of `build/loop.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from whatsit.training.common.training_recipe import read_section

_SECTION = ConfigDict(extra="forbid", frozen=True)


class Collecting(BaseModel):
    """What a turn takes from the catalogue's logs."""

    model_config = _SECTION

    days: int = Field(default=90, ge=1, description="Clicks of so many days, today included.")
    least: int = Field(default=50, ge=1, description="New clicks that a turn needs; with fewer it ends at once.")


class Cleaning(BaseModel):
    """Checks that a click passes before it trains."""

    model_config = _SECTION

    rank: int = Field(default=10, ge=1, description="The item is among so many that look most like the photo.")
    neighbours: int = Field(
        default=5, ge=0, description="Most similar other photos, which vote on the item; 0: no vote."
    )
    per_item: int = Field(default=60, ge=1, description="Clicks of one item that train at most: the latest.")
    contradicted: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of an item's clicks from which on contradictions refuse all of them.",
    )
    most_refused: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of all clicks from which on the turn ends: there is no learning from them.",
    )


class Splitting(BaseModel):
    """Which clicks measure and never train."""

    model_config = _SECTION

    held_out: float = Field(default=0.2, ge=0, le=0.5, description="Latest part of each item's new clicks.")
    burst_minutes: float = Field(default=10.0, ge=0, description="Photos of an item within this time stay on one side.")
    same_photo: float = Field(default=0.995, gt=0, le=1, description="Cosine from which on two photos count as one.")


class Training(BaseModel):
    """How the embedder goes on learning."""

    model_config = _SECTION

    recipe: Path = Field(
        default=Path("build/embedder.yaml"), description="Losses and rates, see `whatsit train embedder`."
    )
    start: str = Field(default="shipped", description='Checkpoint before the first turn: "shipped", or a file.')
    minutes: float = Field(default=30.0, gt=0, description="Training time of a turn.")
    settings: dict[str, Any] = Field(
        default={
            "frozen_blocks": 12,
            "backbone_rate": 3e-4,
            "head_rate": 1e-3,
            "blend": 0.5,
            "simclr_weight": 0.0,
            "photographed": 0.25,
            "warmup_steps": 10,
            "size": 160,
        },
        description="Fields of the training recipe that differ for a turn.",
    )
    rehearsal: Path | None = Field(
        default=None,
        description="Table (image, label) of photos of known items that train along, so that nothing is unlearnt.",
    )
    rehearsal_per_item: int = Field(default=8, ge=0, description="Of these, so many of an item, by chance.")
    pictures_per_item: int = Field(default=4, ge=1, description="Catalogue pictures of an item that train.")
    most_items: int = Field(
        default=5000, ge=2, description="Items that train: those with clicks, then others by chance."
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="Part of all this in each batch; the rest: built-in data sets."
    )
    precision: Literal["int8", "float"] = Field(default="int8", description="Of the network that is rolled out.")
    threads: int = Field(default=1, ge=1, description="Cores.")


class Evaluating(BaseModel):
    """The fixed set."""

    model_config = _SECTION

    photos: Path | None = Field(
        default=None, description="Table (image, label, group) of photos whose item you know; never trained on."
    )
    drawn: int = Field(default=300, ge=0, description="Items whose catalogue picture is photographed synthetically.")
    gallery: int = Field(default=3000, ge=2, description="Items that are searched.")


class Gating(BaseModel):
    """What lets a network through."""

    model_config = _SECTION

    noise: float = Field(default=2.0, ge=0, description="Standard errors of a difference that count as noise.")
    samples: int = Field(default=1000, ge=100, description="Of the bootstrap that measures the standard error.")
    gain: bool = Field(default=True, description="Some figure must rise beyond its noise.")


class RollingOut(BaseModel):
    """How the network goes live."""

    model_config = _SECTION

    enabled: bool = Field(default=True, description="Roll out what passes the gate; else the turn ends there.")
    threads: int = Field(default=1, ge=1, description="Pictures embedded at once; on Ray: workers.")
    share: float = Field(default=1.0, ge=0.01, le=1, description="Of the time of each thread.")
    shadow: float = Field(default=0.1, ge=0, le=1, description="Share of the calls that both embedders answer.")
    wait: float = Field(default=180.0, ge=0, description="Seconds that running servers have to load the network.")


class Watching(BaseModel):
    """When a network goes back."""

    model_config = _SECTION

    days_before: int = Field(default=7, ge=1, description="Days before the switch that are compared with.")
    searches: int = Field(default=200, ge=0, description="Searches after the switch that decide.")
    noise: float = Field(default=2.0, ge=0, description="Standard errors by which a share may fall.")
    wait_minutes: float = Field(default=0.0, ge=0, description="How long a command waits for them; later ones go on.")
    every_seconds: float = Field(default=30.0, gt=0, description="Between two looks.")
    finish: bool = Field(default=True, description="Remove the old network once the new one has proved itself.")


class OnCluster(BaseModel):
    """Work on a Ray cluster (`--address`)."""

    model_config = _SECTION

    retries: int = Field(default=3, ge=0, description="Of a step whose worker died.")
    cores: float = Field(default=1.0, gt=0, description="Of each step and of each worker.")
    workers: int = Field(default=4, ge=1, description="That embed the catalogue.")


class LoopRecipe(BaseModel):
    """A turn of the loop, step by step."""

    model_config = _SECTION

    collect: Collecting = Collecting()
    clean: Cleaning = Cleaning()
    split: Splitting = Splitting()
    train: Training = Training()
    evaluate: Evaluating = Evaluating()
    gate: Gating = Gating()
    rollout: RollingOut = RollingOut()
    watch: Watching = Watching()
    ray: OnCluster = OnCluster()


def read_loop_recipe(path: Path) -> LoopRecipe:
    """Read the section `loop:` of a recipe.

    Paths in it are relative to the working folder.

    Raises:
        InvalidInput: no such file, no YAML, no section, or the first field that does not fit.
    """
    return read_section(path, LoopRecipe, "loop", "build/loop.yaml")
