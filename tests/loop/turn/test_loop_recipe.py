"""The recipe of the loop: the shipped one is the defaults, and a slip is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.loop.turn.loop_recipe import LoopRecipe, read_loop_recipe

SHIPPED = Path(__file__).resolve().parents[3] / "build" / "loop.yaml"


def test_the_shipped_recipe_has_the_documented_defaults() -> None:
    assert read_loop_recipe(SHIPPED) == LoopRecipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loop: {train: {minuets: 3}}", "names 'loop.train.minuets'"),
        ("loop: {gate: {noise: -1}}", r"loop.gate.noise = -1"),
        ("training: {}", "has no section 'loop'"),
        ("loop: [", "is not YAML"),
        ("", "has no section 'loop'"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "loop.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=words):
        read_loop_recipe(file)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_loop_recipe(tmp_path / "none.yaml")
