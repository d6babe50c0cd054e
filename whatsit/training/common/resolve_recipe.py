"""Recipe of a run: the file, changed by the command line."""

from __future__ import annotations

from typing import Any

from whatsit.training.common.custom_data import CustomData
from whatsit.training.common.initial_weights import RANDOM
from whatsit.training.common.training_recipe import Recipe


def resolve_recipe(recipe: Recipe, start: str | None, custom: CustomData | None, monitor: str) -> Recipe:
    """Return the recipe that is trained, and written into checkpoints.

    Args:
        recipe: as the file has it.
        start: of the command line; None keeps the recipe's.
        custom: of the command line; None keeps the recipe's.
        monitor: the figure that judges custom data alone; the recipe's is about the built-in data.
    """
    changes: dict[str, Any] = {}
    if start is not None:
        changes["start"] = start
    if custom is not None:
        changes["custom"] = custom
    custom = custom or recipe.custom
    if custom is not None:
        changes |= {"teachers": ()} if "teachers" in type(recipe).model_fields else {}  # they know the built-in data
    if custom is not None and custom.alone:
        changes["monitor"] = monitor
    if (start or recipe.start) == RANDOM:
        # Weights drawn at random are neither worth keeping nor to be changed with more care than the rest.
        fields = type(recipe).model_fields
        drawn = {"frozen_blocks": -1, "blend": 1.0, "backbone_rate": getattr(recipe, "head_rate", None)}
        changes |= {name: value for name, value in drawn.items() if name in fields}
    return recipe.model_copy(update=changes)
