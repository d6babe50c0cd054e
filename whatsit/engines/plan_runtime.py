"""Loads a plan with TensorRT, its lean runtime or TensorRT-RTX.

Polygraphy's `EngineFromBytes` knows no lean runtime and selects one library per process.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from whatsit_client.errors import Damaged, Unavailable

RUNTIMES = ("tensorrt", "tensorrt_lean", "tensorrt_rtx")
"""Python packages, tried in this order; some wheels add "_bindings" to the name."""


@dataclass
class LoadedPlan:
    """A plan in GPU memory.

    Args:
        name: of `RUNTIMES`.
        module: its Python module.
        engine: the `ICudaEngine`.
        keep_alive: objects that must live as long as the engine.
    """

    name: str
    module: ModuleType
    engine: Any
    keep_alive: list[Any] = field(default_factory=list)


def installed_runtimes(names: tuple[str, ...] = RUNTIMES) -> dict[str, ModuleType]:
    """Import the packages of `names` that are installed.

    Raises:
        Unavailable: none is installed.
    """
    found = {name: module for name in names if (module := import_with(name, "Runtime")) is not None}
    if not found:
        raise Unavailable(
            f"None of the packages {', '.join(names)} is installed, which run TensorRT engines: "
            "pip install 'whatsit[tensorrt]', or serve with NVIDIA's Triton container."
        )
    return found


def import_with(name: str, attribute: str) -> ModuleType | None:
    """Import a package of TensorRT, under its name or with "_bindings" behind it.

    Returns:
        The module, None where it is not installed or lacks the attribute.
    """
    for module in (name, f"{name}_bindings"):
        try:
            imported = importlib.import_module(module)
        except (ImportError, OSError, RuntimeError, AttributeError):  # a stub, or its CUDA libraries are missing
            continue
        if hasattr(imported, attribute):
            return imported
    return None


def load_plan(path: Path, runtimes: dict[str, ModuleType]) -> LoadedPlan:
    """Load a plan with the first of `runtimes` that can.

    Raises:
        Damaged: none can; the message contains the error of the last one.
    """
    plan, reason = path.read_bytes(), ""
    for name, module in runtimes.items():
        log = _error_logger(module)
        runtime = module.Runtime(log)
        if hasattr(runtime, "engine_host_code_allowed"):
            runtime.engine_host_code_allowed = True  # version-compatible plans contain a lean runtime
        engine = runtime.deserialize_cuda_engine(plan) if plan else None
        if engine is not None:
            return LoadedPlan(name, module, engine, [log, runtime])
        version = getattr(module, "__version__", "of unknown version")
        reason = f"{name} {version}: {log.errors[0] if log.errors else 'no reason given'}"
    raise Damaged(
        f"{path} cannot be loaded as a TensorRT engine ({reason}); a plan runs with the library and the kind of GPU "
        "that it was built for: build it here with `whatsit build … --target tensorrt`."
    )


def _error_logger(module: ModuleType) -> Any:
    """Return a logger that collects errors instead of printing them."""

    class ErrorLogger(module.ILogger):  # type: ignore[misc, name-defined]  # the module is chosen at run time
        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                self.errors.append(" ".join(text.split())[:200])

    return ErrorLogger()
