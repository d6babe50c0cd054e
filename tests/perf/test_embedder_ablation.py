"""The ablation's table: what it resumes from, and how it reaches a verdict."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

pytest.importorskip("torch")

from perf.networks.embedder_ablation import BASE, ROWS, read, summary, write
from whatsit.training.embedder.recipe import EmbedderRecipe


def run(seen: float, unseen: float, rendered: float = 0.8) -> dict[str, str]:
    figures = {"seen_r1": seen, "unseen_r1": unseen, "rendered_r1": rendered}
    return {**{name: f"{value:.4f}" for name, value in figures.items()}, "cpu_seconds": "30"}


DONE = {("base", 0): run(0.70, 0.60), ("base", 1): run(0.72, 0.60)}  # means of real photos 0.65 and 0.66, spread 0.005


@pytest.mark.parametrize(
    ("runs", "kept"),
    [
        ([run(0.72, 0.62), run(0.74, 0.62)], "yes"),
        ([run(0.75, 0.61), run(0.72, 0.59)], "no"),  # worse with one seed
        ([run(0.704, 0.604), run(0.724, 0.604)], "no"),  # within the spread
        ([run(0.72, 0.62, 0.7), run(0.74, 0.62, 0.7)], "no"),  # at the cost of drawn products
    ],
)
def test_a_switch_is_kept_where_it_gains_beyond_the_spread_with_every_seed(
    runs: list[dict[str, str]], kept: str
) -> None:
    done = {**DONE, **{("triplet", seed): figures for seed, figures in enumerate(runs)}}
    assert summary("triplet", done)["kept"] == kept


def test_a_summary_holds_means_and_half_ranges() -> None:
    line = summary("base", DONE)
    assert (line["seen_r1"], line["seen_r1_spread"]) == ("0.7100", "0.0100")
    assert (line["unseen_r1"], line["unseen_r1_spread"], line["kept"]) == ("0.6000", "0.0000", "yes")


def test_a_row_is_compared_with_its_own_reference() -> None:
    done = {**DONE, **{("triplet", seed): run(0.8, 0.8) for seed in (0, 1)}}
    done |= {("mining with triplet", seed): run(0.75, 0.75) for seed in (0, 1)}
    line = summary("mining with triplet", done)
    assert line["kept"] == "no"
    assert "seen -5.0, unseen -5.0, rendered +0.0; mean of seen and unseen -5.0 (-5.0, -5.0 by seed)" in line["why"]
    assert "against triplet" in line["why"]


def test_no_verdict_without_two_seeds() -> None:
    assert summary("triplet", {**DONE, ("triplet", 0): run(0.9, 0.9)})["kept"] == ""


def test_a_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "switches.csv"
    write(path, DONE)
    assert read(path) == DONE
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["0", "1", "mean"]


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_recipe_that_differs_from_the_base(name: str) -> None:
    recipe = EmbedderRecipe(**{**BASE, **ROWS[name].changes})
    assert (recipe == EmbedderRecipe(**BASE)) == (name == "base")
    assert ROWS[name].against in ROWS
