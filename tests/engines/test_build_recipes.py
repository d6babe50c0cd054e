"""Every recipe of build/ is one that the build takes, and the page about recipes says what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.engines.build_recipe import read_build_recipe

BUILD = Path(__file__).resolve().parents[2] / "build"
ENGINES = {"embedder", "detector", "classifier"}
RECIPES = sorted(path for path in BUILD.glob("*.yaml") if path.stem.partition("-")[0] in ENGINES)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_taken(path: Path) -> None:
    recipe = read_build_recipe(path).engine
    assert recipe.precision == ("fp16" if path.stem.endswith("fp16") else "int8")
    assert recipe.calibration.pictures
    assert not any("val" in pattern for pattern in recipe.calibration.pictures)  # what is reported on decides nothing


def test_there_is_one_for_every_engine_in_both_precisions() -> None:
    assert {path.stem for path in RECIPES} >= ENGINES | {f"{name}-fp16" for name in ENGINES} | {"detector-resnet50"}


def test_the_page_is_what_the_code_says() -> None:
    page = (BUILD / "RECIPES.md").read_text(encoding="utf-8")
    made = subprocess.run([sys.executable, BUILD / "recipe_page.py"], capture_output=True, text=True, check=True).stdout
    assert page == made, "run: python build/recipe_page.py > build/RECIPES.md"
    assert "`engine.tensorrt.batches[].opt`" in page


@pytest.mark.parametrize(
    ("engine", "field"),
    [
        ("{precision: int4, calibration: {pictures: [a]}}", "engine.precision"),
        ("{calibration: {pictures: [a]}, tensorrt: {batches: [{min: 9, opt: 8}]}}", "engine.tensorrt.batches"),
        ("{calibration: {pictures: [a], count: 1}}", "engine.calibration.count"),
        ("{calibration: {pictures: [a]}, precison: int8}", "engine.precison"),
    ],
)
def test_a_field_that_does_not_fit_is_named(engine: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"engine: {engine}", encoding="utf-8")
    with pytest.raises(InvalidInput, match=field):
        read_build_recipe(path)
