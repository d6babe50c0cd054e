"""Compiles an ONNX file to a plan of TensorRT or TensorRT-RTX, with Polygraphy.

Polygraphy selects one library per process by an environment variable, draws its own progress bar and raises one error
for every failure; the choice of the package, the progress callback and the error messages are therefore here.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
from whatsit_client.errors import Damaged, Unavailable, WhatsitError

from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_recipe import ProfileBatches, read_build_recipe
from whatsit.engines.model_card import markdown_table
from whatsit.engines.onnx_runner import file_fingerprint
from whatsit.engines.plan_runtime import import_with

TARGETS: dict[str, tuple[str, str]] = {
    "tensorrt": ("tensorrt", "whatsit[compile,tensorrt]"),
    "tensorrt-rtx": ("tensorrt_rtx", "whatsit[compile,tensorrt-rtx]"),
}
"""The module of each target, of which some wheels add "_bindings" to the name, and the extras that install it."""

_PARSED_NOT_COMPILED = {"tensorrt-rtx": frozenset({"NonMaxSuppression"})}
"""Operators that the parser accepts although the library has no kernel for them."""

_WORKSPACE_BYTES = 4 << 30

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class CompiledPlan:
    """Result of a compilation.

    Args:
        path: the plan.
        onnx: the file that it was compiled from.
        library: name and version of the compiler, e.g. "tensorrt_rtx_bindings 1.7.1.116".
        seconds: wall time of the compilation.
        layers: number of layers of the network before fusion.
        log: warnings and errors of the compiler.
    """

    path: Path
    onnx: Path
    library: str
    seconds: float
    layers: int
    log: Path

    def facts(self) -> dict[str, str]:
        """Return the rows of the plan's card: sizes, hashes, library, seconds."""
        return {
            "file": f"{self.path.name}, {self.path.stat().st_size / 1e6:.2f} MB, SHA-256 {file_fingerprint(self.path)}",
            "compiled from": f"{self.onnx.name}, SHA-256 {file_fingerprint(self.onnx)}",
            "library": self.library,
            "seconds": f"{self.seconds:.1f}",
            "layers before fusion": str(self.layers),
        }


def build_plan(
    source: Path,
    target: Path,
    kind: str,
    batches: Sequence[ProfileBatches],
    *,
    timing_cache: Path | None = None,
    version_compatible: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> CompiledPlan:
    """Compile a strongly typed network; the ONNX file decides the precision.

    The plan replaces an older one only when it is complete. TensorRT needs the GPU that will run the plan; TensorRT-RTX
    compiles without a GPU and finishes on the user's card.

    Args:
        source: the ONNX file, with a dynamic batch.
        target: path of the plan; the compiler's log is written to `<name>.log` beside it.
        kind: a key of `TARGETS`; one process can use one of them.
        batches: one optimisation profile each.
        timing_cache: file of kernel timings, read if it exists and written afterwards: later builds are faster.
        version_compatible: later versions of TensorRT can run the plan (it contains a lean runtime).
        progress: called with a phase, its steps done and their total, from the compiler's threads.

    Raises:
        Unavailable: the library is not installed, or it needs a GPU and there is none.
        Damaged: there is no such ONNX file, or it cannot be read.
        WhatsitError: the library lacks an operator; the message names it.
    """
    trt = compiler(kind)
    if not source.is_file():
        raise Unavailable(f"There is no network file {source}; build it with `whatsit build`.")
    library = f"{trt.__name__} {trt.__version__}"
    loaders, polygraphy_error = _polygraphy(kind, trt)
    for folder in {target.parent, (timing_cache or target).parent}:
        folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with _compiler_log() as lines:
        try:
            builder, network, _ = loaders.network_from_onnx_path(str(source), strongly_typed=True)
            start = time.perf_counter()
            config = loaders.CreateConfig(
                profiles=[_profile(loaders, network, batch) for batch in batches],
                memory_pool_limits={trt.MemoryPoolType.WORKSPACE: _WORKSPACE_BYTES},
                profiling_verbosity=trt.ProfilingVerbosity.LAYER_NAMES_ONLY,
                version_compatible=version_compatible,
                load_timing_cache=str(timing_cache) if timing_cache and timing_cache.is_file() else None,
                progress_monitor=_progress_monitor(trt, progress),
            )
            plan = loaders.engine_bytes_from_network(
                (builder, network), config, save_timing_cache=str(timing_cache) if timing_cache else None
            )
        except TypeError as error:  # the binding's constructor of a builder returned nothing
            other = " TensorRT-RTX compiles without one: --target tensorrt-rtx." if kind == "tensorrt" else ""
            reason = (_last_error(lines) or str(error))[:200]
            raise Unavailable(
                f"{library} does not start ({reason}); it needs an NVIDIA GPU and its driver.{other}"
            ) from error
        except polygraphy_error as error:
            raise _refusal(loaders, trt, kind, source, _last_error(lines)) from error
        finally:
            seconds = time.perf_counter() - start
            log = target.with_name(f"{target.name}.log")
            log.write_text("\n".join([f"{library}, {source}, {seconds:.1f} s", *lines]) + "\n", encoding="utf-8")
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(bytes(plan))
    part.replace(target)
    return CompiledPlan(target, source, library, seconds, network.num_layers, log)


def compile_engine(
    paths: BuildPaths, target: str, progress: Progress = lambda phase, done, total: None
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


def compiler(kind: str) -> ModuleType:
    """Import the Python module that compiles for a target.

    Raises:
        Unavailable: an unknown target, or its library is not installed.
    """
    if kind not in TARGETS:
        raise Unavailable(f"There is no target {kind!r} for plans; choose {' or '.join(TARGETS)}.")
    name, extra = TARGETS[kind]
    module = import_with(name, "Builder")
    if module is not None:
        return module
    raise Unavailable(f"The target {kind} needs the package {name}: pip install '{extra}'.")


def _polygraphy(kind: str, trt: ModuleType) -> tuple[Any, type[Exception]]:
    """Import Polygraphy's loaders for a target, and its exception."""
    name, extra = TARGETS[kind]
    try:
        from polygraphy import config
    except ModuleNotFoundError as error:
        raise Unavailable(f"Compiling needs the package polygraphy: pip install '{extra}'.") from error
    if "polygraphy.backend.trt" not in sys.modules:
        config.USE_TENSORRT_RTX = kind == "tensorrt-rtx"
    if (kind == "tensorrt-rtx") != config.USE_TENSORRT_RTX:
        raise Unavailable("This process compiled for the other kind of TensorRT already: start another for this one.")
    sys.modules.setdefault(name, trt)
    from polygraphy.backend import trt as loaders
    from polygraphy.exception import PolygraphyException

    return loaders, PolygraphyException


@contextmanager
def _compiler_log() -> Iterator[list[str]]:
    """Collect warnings and errors of the compiler instead of printing them."""
    from polygraphy.logger import G_LOGGER

    lines: list[str] = []
    collector = logging.Handler()
    collector.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]  # shorter than a class
    G_LOGGER.use_python_logging_system, G_LOGGER.colors = True, False
    logger = logging.getLogger("Polygraphy")
    logger.propagate = False
    logger.addHandler(collector)
    try:
        with G_LOGGER.verbosity(G_LOGGER.WARNING):
            yield lines
    finally:
        logger.removeHandler(collector)


def _last_error(lines: Sequence[str]) -> str:
    """Return the message of the compiler's last error, "" if there is none."""
    return next((line.removeprefix("[E] ") for line in reversed(lines) if line.startswith("[E] ")), "")


def _profile(loaders: Any, network: Any, batch: ProfileBatches) -> Any:
    profile = loaders.Profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        rest = tuple(tensor.shape)[1:]
        profile.add(tensor.name, *((size, *rest) for size in (batch.min, batch.opt, batch.max)))
    return profile


def _progress_monitor(trt: ModuleType, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined,misc]  # the base is chosen at run time
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self.steps[name] = steps

        def step_complete(self, name: str, step: int) -> bool:
            progress(name, step + 1, self.steps.get(name, 0))
            return True

        def phase_finish(self, name: str) -> None:
            self.steps.pop(name, None)

    return Monitor()


def _refusal(loaders: Any, trt: ModuleType, kind: str, source: Path, reason: str) -> WhatsitError:
    """Return the error for a network that the compiler refused."""
    library = f"{trt.__name__} {trt.__version__}"
    try:
        operators = {node.op_type for node in onnx.load(source, load_external_data=False).graph.node}
    except Exception:  # protobuf's kinds of errors
        return Damaged(f"{source} cannot be read as an ONNX network; build or export it again.")
    _, network = loaders.create_network(strongly_typed=True)
    parser = trt.OnnxParser(network, loaders.get_trt_logger())
    blind = _PARSED_NOT_COMPILED.get(kind, frozenset())
    lacking = sorted(name for name in operators if name in blind or not parser.supports_operator(name))
    if lacking:
        return WhatsitError(
            f"{library} has no operator {', '.join(lacking)}, which {source} uses: export the network without "
            f"{'it' if len(lacking) == 1 else 'them'}, or serve it with --target onnxruntime."
        )
    reason = " ".join(reason.split())[:300] or "no reason given"
    return WhatsitError(f"{library} cannot compile {source}: {reason} (see the log beside the plan).")
