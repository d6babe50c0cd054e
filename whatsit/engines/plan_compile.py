"""Compiles the shipped file of an engine to a plan, and says in a card what the plan was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_recipe import read_build_recipe
from whatsit.engines.plan_builder import CompiledPlan, build_plan


@dataclass(frozen=True)
class Compiled:
    """A plan in its place, with its card."""

    plan: CompiledPlan
    card: Path


def compile_engine(
    paths: BuildPaths, target: str, progress: Callable[[str, int, int], None] = lambda phase, done, total: None
) -> Compiled:
    """Compile `paths.tensorrt` by the recipe's `engine.tensorrt` section; needs neither torch nor pictures.

    Args:
        paths: what to read and where to write.
        target: "tensorrt" or "tensorrt-rtx".
        progress: see `build_plan`.

    Raises:
        InvalidInput: the recipe is not there or does not fit.
        Unavailable: the library, its GPU, or the ONNX file is not there.
        WhatsitError: an operator that the library lacks.
    """
    recipe = read_build_recipe(paths.recipe).engine.tensorrt
    # TensorRT-RTX measures no kernels when it compiles: it does so on the user's card.
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
    facts = {"engine": paths.engine, **plan.facts(), "batches (least, best, most)": profiles}
    facts["version compatible"] = "yes" if recipe.version_compatible else "no"
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    card.write_text(f"# Plan of the {paths.engine}\n\n| what | value |\n| --- | --- |\n{rows}\n", encoding="utf-8")
    return Compiled(plan, card)
