"""The libraries that run a TensorRT plan: TensorRT, its lean runtime, and TensorRT for RTX cards."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from whatsit_client.errors import Damaged, Unavailable

RUNTIMES = ("tensorrt", "tensorrt_lean", "tensorrt_rtx")
"""Tried in this order. One plan fits one of them; the wheels of their bindings add "_bindings" to the name."""


@dataclass
class Loaded:
    """A plan in the memory of the GPU.

    Args:
        name: of `RUNTIMES`.
        module: its Python module.
        engine: the `ICudaEngine`.
        alive: what must live as long as the engine.
    """

    name: str
    module: ModuleType
    engine: Any
    alive: list[Any] = field(default_factory=list)


def installed_runtimes(names: tuple[str, ...] = RUNTIMES) -> dict[str, ModuleType]:
    """Those of `names` that can be imported.

    Raises:
        Unavailable: none of them.
    """
    found = {}
    for name in names:
        for module in (name, f"{name}_bindings"):
            try:
                imported = importlib.import_module(module)
            except (ImportError, OSError, RuntimeError, AttributeError):  # a stub, or its CUDA libraries are missing
                continue
            if hasattr(imported, "Runtime"):
                found[name] = imported
                break
    if not found:
        raise Unavailable(
            f"None of the packages {', '.join(names)} is installed, which run TensorRT engines: "
            "pip install 'whatsit[tensorrt]', or serve with NVIDIA's Triton container."
        )
    return found


def load_plan(path: Path, runtimes: dict[str, ModuleType]) -> Loaded:
    """Load a plan with the first of `runtimes` that takes it.

    Raises:
        Damaged: none does; the sentence holds what the last of them said.
    """
    plan, said = path.read_bytes(), ""
    for name, module in runtimes.items():
        log = _listening(module)
        runtime = module.Runtime(log)
        if hasattr(runtime, "engine_host_code_allowed"):
            runtime.engine_host_code_allowed = True  # version-compatible plans carry their own lean runtime
        engine = runtime.deserialize_cuda_engine(plan) if plan else None
        if engine is not None:
            return Loaded(name, module, engine, [log, runtime])
        version = getattr(module, "__version__", "of unknown version")
        said = f"{name} {version}: {log.errors[0] if log.errors else 'no reason given'}"
    raise Damaged(
        f"{path} cannot be loaded as a TensorRT engine ({said}); a plan runs with the library and the kind of GPU that "
        "it was built for: build it here with `whatsit build … --target tensorrt`."
    )


def _listening(module: ModuleType) -> Any:
    """A logger that keeps errors instead of printing them."""

    class Listening(module.ILogger):  # type: ignore[misc, name-defined]  # the module is chosen at run time
        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                self.errors.append(" ".join(text.split())[:200])

    return Listening()
