"""Compiles the shipped file of an engine to a plan with a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_recipe import read_build_recipe
from whatsit.engines.model_card import markdown_table
from whatsit.engines.plan_builder import CompiledPlan, build_plan


def compile_engine(
    paths: BuildPaths, target: str, progress: Callable[[str, int, int], None] = lambda phase, done, total: None
) -> tuple[CompiledPlan, Path]:
    """Compile `paths.tensorrt` by its recipe, without torch or pictures.

    Args:
        paths: files to read and to write.
        target: "tensorrt" or "tensorrt-rtx".
        progress: see `build_plan`.

    Returns:
        The plan, and the path of its card.

    Raises:
        InvalidInput: the recipe is missing or invalid.
        Unavailable: the library, its GPU or the ONNX file is missing.
        WhatsitError: the library lacks an operator.
    """
    recipe = read_build_recipe(paths.recipe).engine.tensorrt
    # TensorRT-RTX times no kernels when it compiles, only on the user's card.
    cache = paths.work / f"{target}.timing" if target == "tensorrt" else None
    plan = build_plan(
        paths.tensorrt,
        paths.plan,
        target,
        recipe.batches,
        timing_cache=cache,
        version_compatible=recipe.version_compatible,
        progress=progress,
    )
    card = paths.plan.with_name(f"{paths.plan.name}.card.md")
    profiles = "; ".join(f"{batch.min}, {batch.opt}, {batch.max}" for batch in recipe.batches)
    facts = {"engine": paths.engine, **plan.facts(), "batches (min, opt, max)": profiles}
    facts["version compatible"] = "yes" if recipe.version_compatible else "no"
    table = markdown_table(("what", "value"), [f"| {name} | {value} |" for name, value in facts.items()])
    card.write_text(f"# Plan of the {paths.engine}\n\n{table}\n", encoding="utf-8")
    return plan, card
