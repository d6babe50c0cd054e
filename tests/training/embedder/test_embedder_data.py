"""The embedder's built-in data and its validation, on the small data set of conftest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

torch = pytest.importorskip("torch")

from whatsit.evaluation.datasets.grocery import GroceryStore  # noqa: E402 (after the skip)
from whatsit.training.embedder.data import GroceryParts, ingredients, trained_and_kept_out  # noqa: E402
from whatsit.training.embedder.recipe import EmbedderRecipe, Shares  # noqa: E402
from whatsit.training.embedder.validation import EmbedderValidation  # noqa: E402

RECIPE = EmbedderRecipe(shares=Shares(photos=0.5, shop=0.25, clothing=0, scenes=0.25, rendered=0))


class MeanColour(torch.nn.Module):
    """Maps pictures to unit vectors of their mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(images.mean(dim=(2, 3)) + 1.01)


def test_labels_of_the_sources_follow_each_other(data: Path) -> None:
    parts = GroceryParts(GroceryStore(data / "grocery_store"), RECIPE)
    photos, shop, scenes = ingredients(RECIPE, data, parts)
    assert (photos.first_label, shop.first_label) == (0, 0)
    assert scenes.first_label == max(photos.source.classes, shop.source.classes)
    assert (photos.views, shop.views, scenes.views) == (1, 1, 2)
    assert set(parts.measured()) == {"val"}


def test_a_source_that_is_missing_is_named(data: Path, tmp_path: Path) -> None:
    parts = GroceryParts(GroceryStore(data / "grocery_store"), RECIPE)
    with pytest.raises(InvalidInput, match="imagenet_sample holds no pictures"):
        ingredients(RECIPE, tmp_path, parts)
    clothes = RECIPE.model_copy(update={"shares": Shares(clothing=0.5)})
    with pytest.raises(InvalidInput, match="no folders of pictures"):
        ingredients(clothes, tmp_path, parts)


def test_held_out_classes_are_measured_among_themselves(data: Path) -> None:
    recipe = RECIPE.model_copy(update={"held_out_classes": (1,)})
    parts = GroceryParts(GroceryStore(data / "grocery_store"), recipe)
    assert not np.isin([1], parts.train.labels).any()
    measured = EmbedderValidation(parts, rendered=False).measure(MeanColour())  # type: ignore[arg-type]
    assert set(measured) == {"val_r1", "val_r5", "unseen_r1", "unseen_r5"}
    assert measured["unseen_r1"] == 1  # among one shop image
    assert 0 <= measured["val_r1"] <= measured["val_r5"] <= 1


def test_every_fifth_picture_is_kept_out_of_training(tmp_path: Path) -> None:
    for number in range(11):
        (tmp_path / f"{number:02d}.jpg").touch()
    trained, kept_out = trained_and_kept_out(tmp_path)
    assert [path.stem for path in kept_out] == ["04", "09"]
    assert len(trained) == 9
    assert not set(trained) & set(kept_out)
