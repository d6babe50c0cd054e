"""Step `builds`: compiles the engines here, with whichever TensorRT is installed."""

from __future__ import annotations

from collections.abc import Callable

from whatsit_client.errors import WhatsitError

from gpu_steps.check import Check
from gpu_steps.subjects import NETWORKS, ROOT
from whatsit.engines.gpu import find_gpus

# TensorRT for RTX cards names no Hopper or data-centre Ampere card in its list of supported ones.
RTX_CAPABILITIES = {(7, 5), (8, 6), (8, 9), (12, 0)}


def run(check: Check) -> None:
    """Compile `tensorrt.onnx` of each network, which `whatsit build NAME --target tensorrt` makes without a GPU."""
    try:
        from whatsit.engines.tensorrt_build import build_plan, compiler

        from whatsit.engines.recipe import read_build_recipe
    except ImportError as error:
        check.skip("all engines", f"Building needs {error.name}.")
        return
    kind = next((candidate for candidate in ("tensorrt", "tensorrt-rtx") if _builds(check, candidate, compiler)), None)
    if kind is None:
        return
    for name in (*NETWORKS, "detector-resnet50"):
        case = f"{name}, {kind}"
        source = ROOT / "build" / "runs" / "engines" / name / "tensorrt.onnx"
        if not source.is_file():
            check.skip(case, f"{source.relative_to(ROOT)} is not here: make it with `whatsit build {name} --target "
                             f"{kind}` where the calibration pictures are, and carry build/runs/engines.")  # fmt: skip
            continue
        target = check.scratch / f"{name}.plan"
        if target.is_file() and check.done(case):
            continue
        engine = read_build_recipe(ROOT / "build" / f"{name}.yaml").engine
        try:
            note = _fits(kind)
            plan = build_plan(
                source, target, kind, engine.tensorrt.batches, timing_cache=check.scratch / f"{kind}.cache"
            )
        except WhatsitError as error:
            check.skip(case, str(error))
            continue
        check.record(case, "build time", plan.seconds, "s", note=note or plan.library)
        check.record(case, "plan size", target.stat().st_size / 1e6, "MB", note=plan.library)


def _builds(check: Check, kind: str, compiler: Callable[[str], object]) -> bool:
    try:
        compiler(kind)
    except WhatsitError as error:
        check.skip(kind, str(error))
        return False
    return True


def _fits(kind: str) -> str:
    """A word on a card that the library does not name."""
    try:
        capability = find_gpus()[0].capability
    except WhatsitError:
        return "compiled without a GPU"
    if kind == "tensorrt-rtx" and capability not in RTX_CAPABILITIES:
        return f"compute capability {capability[0]}.{capability[1]} is in no support list of TensorRT-RTX"
    return ""
