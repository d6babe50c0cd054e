"""The command line's changes to a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from whatsit.training.common.custom_data import CustomData
from whatsit.training.common.resolve_recipe import resolve_recipe
from whatsit.training.embedder.recipe import EmbedderRecipe


def test_own_products_train_without_teachers(tmp_path: Path) -> None:
    """Teachers have the features of the built-in data alone."""
    recipe = EmbedderRecipe(teachers=("mobilenet_v2",))
    custom = CustomData(photos=tmp_path)
    assert resolve_recipe(recipe, None, custom, "custom_r1").teachers == ()
    assert resolve_recipe(recipe, None, None, "custom_r1").teachers == ("mobilenet_v2",)
