"""Unseen products on networks that go on from a checkpoint: which pictures are searched among which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

torch = pytest.importorskip("torch")

from whatsit.evaluation.datasets.grocery import GroceryStore  # noqa: E402 (after the skip)
from whatsit.models.embedder import Embedder  # noqa: E402
from whatsit.studies import domain_recall  # noqa: E402
from whatsit.studies import unseen_continued as study  # noqa: E402
from whatsit.training.common import run_checkpoint as checkpoint  # noqa: E402
from whatsit.training.embedder.recipe import EmbedderRecipe  # noqa: E402


def test_held_out_photos_are_searched_among_the_held_out_shop_images(
    evaluation_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each blend is measured on all photos of the classes left out, and the run is told to leave them out."""
    torch.manual_seed(0)
    recipe = EmbedderRecipe(dimension=8, start=str(tmp_path / "start.pt"))
    asked: list[tuple[int, ...]] = []

    def trained(recipe: EmbedderRecipe, data: Path, weights: Path, out: Path, **options: Any) -> None:
        asked.append(recipe.held_out_classes)
        out.mkdir()
        for file in (Path(recipe.start), out / "start.pt", out / checkpoint.BEST):
            weights_of = {f"network.{name}": value for name, value in Embedder(8).state_dict().items()}
            content = {"module": weights_of, "recipe": recipe.model_dump(mode="json"), "metrics": {}}
            checkpoint.save(file, content)

    monkeypatch.setattr(study, "train_embedder", trained)
    monkeypatch.setattr(study, "FROZEN", ())
    monkeypatch.setattr(study, "CROP_SIZE", 32)
    monkeypatch.setattr(domain_recall, "CROP_SIZE", 32)
    store = GroceryStore(evaluation_data / "grocery_store")
    rows = study.measure_continued_split(
        recipe, evaluation_data, tmp_path, (0, 2), tmp_path / "run", (0.5, 1.0), None, Console(quiet=True)
    )
    val = sum(label in (0, 2) for label in store.truth("val"))
    photos = val + sum(label in (0, 2) for label in store.truth("train"))
    assert asked == [(0, 2)]
    assert [(row.network, row.photos, row.val_photos) for row in rows] == [
        (name, photos, val) for name in ("start", "blend 0.50", "blend 1.00")
    ]
    assert all(row.recall_at_5 == 1 for row in rows), "two classes are always among the first five"
