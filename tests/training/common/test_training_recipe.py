from __future__ import annotations

from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

pytest.importorskip("pydantic")
from whatsit.training.common.training_recipe import TrainingRecipe, read_recipe, renamed


def test_fields_of_the_training_section_are_read(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("training: {seed: 7, epochs: 2}\nengine: {opset: 17}\n")
    recipe = read_recipe(path, TrainingRecipe)
    assert (recipe.seed, recipe.epochs, recipe.precision) == (7, 2, "auto")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {epocs: 2}", "'training.epocs'"),
        ("training: {epochs: 0}", "training.epochs = 0"),
        ("training: {precision: fp8}", "'fp32'"),
        ("training: [", "is not YAML"),
        ("engine: {opset: 17}", "no section 'training'"),
        ("", "no section 'training'"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as refusal:
        read_recipe(path, TrainingRecipe)
    assert said in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--recipe"):
        read_recipe(tmp_path / "none.yaml", TrainingRecipe)


def test_former_names_are_read(tmp_path: Path) -> None:
    path = tmp_path / "embedder.yaml"
    path.write_text("training:\n  own: {photos: mine}\n  monitor: own_r1\n")
    recipe = read_recipe(path, TrainingRecipe)
    assert recipe.custom is not None
    assert recipe.custom.photos == Path("mine")
    assert recipe.monitor == "custom_r1"
    assert renamed({"history": [{"train_twins": 1.0}], "best": {"recall_own": 0.5}}) == {
        "history": [{"train_simclr": 1.0}],
        "best": {"recall_custom": 0.5},
    }
