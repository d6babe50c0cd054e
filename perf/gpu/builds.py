"""Step `builds`: compiles the engines here, with whichever TensorRT is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whatsit_client.errors import Unavailable, WhatsitError

from perf.common.setting import ROOT
from perf.gpu.check import Check
from perf.gpu.subjects import NETWORKS
from whatsit.engines.gpu import find_gpus

# TensorRT for RTX cards names no Hopper or data-centre Ampere card in its list of supported ones.
RTX_CAPABILITIES = {(7, 5), (8, 6), (8, 9), (12, 0)}


def run(check: Check) -> None:
    """Compile each network for TensorRT; random weights stand in for a missing one."""
    try:
        from whatsit.engines.build_recipe import read_build_recipe
        from whatsit.engines.plan_builder import build_plan, compiler
    except ImportError as error:
        check.skip("all engines", f"Building needs {error.name}.")
        return
    kind = next((candidate for candidate in ("tensorrt", "tensorrt-rtx") if _builds(check, candidate, compiler)), None)
    if kind is None:
        return
    for name in NETWORKS[-1:] if check.dry else (*NETWORKS, "detector-resnet50"):
        case, target = f"{name}, {kind}", check.scratch / f"{name}.plan"
        if target.is_file() and check.done(case):
            continue
        recipe = ROOT / "build" / f"{name}.yaml"
        try:
            source, weights = _source(check, name, recipe)
            batches = read_build_recipe(recipe).engine.tensorrt.batches
            plan = build_plan(source, target, kind, batches, timing_cache=check.scratch / f"{kind}.cache")
        except WhatsitError as error:
            check.skip(case, str(error))
            continue
        check.record(case, "build time", plan.seconds, "s", note=f"{plan.library}, {weights}, {_card(kind)}")
        check.record(case, "plan size", target.stat().st_size / 1e6, "MB", note=plan.library)


def _source(check: Check, name: str, recipe: Path) -> tuple[Path, str]:
    shipped = ROOT / "model_repository" / name / "1" / "tensorrt.onnx"
    if shipped.is_file():
        return shipped, "committed weights"
    if check.dry:
        raise Unavailable(f"{shipped.relative_to(ROOT)} is not here, and a dry run makes none.")
    from perf.networks.untrained_networks import write_untrained

    return write_untrained(recipe, check.scratch / f"{name}.onnx"), "random weights"


def _builds(check: Check, kind: str, compiler: Callable[[str], object]) -> bool:
    try:
        compiler(kind)
    except WhatsitError as error:
        check.skip(kind, str(error))
        return False
    return True


def _card(kind: str) -> str:
    """Whether the library names the card that it compiled for."""
    try:
        capability = find_gpus()[0].capability
    except WhatsitError:
        return "compiled without a GPU"
    if kind == "tensorrt-rtx" and capability not in RTX_CAPABILITIES:
        return f"compute capability {capability[0]}.{capability[1]} is in no support list of TensorRT-RTX"
    return f"compute capability {capability[0]}.{capability[1]}"
