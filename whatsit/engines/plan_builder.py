"""Compiles an ONNX file to a TensorRT plan: one builder for TensorRT 10 and 11 and for TensorRT for RTX cards."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
from whatsit_client.errors import Damaged, Unavailable, WhatsitError

from whatsit.engines.build_recipe import ProfileBatches
from whatsit.engines.provenance import file_hash

TARGETS: dict[str, tuple[tuple[str, ...], str]] = {
    "tensorrt": (("tensorrt", "tensorrt_bindings"), "whatsit[tensorrt]"),
    "tensorrt-rtx": (("tensorrt_rtx", "tensorrt_rtx_bindings"), "whatsit[tensorrt-rtx]"),
}
"""The modules of each target, in the order in which they are tried, and the extra that brings them."""

_PARSED_NOT_COMPILED = {"tensorrt-rtx": frozenset({"NonMaxSuppression"})}
"""Operators that the parser takes although the library has nothing to run them with."""

_MEMORY = 4 << 30


@dataclass(frozen=True)
class Plan:
    """What a build made.

    Args:
        path: the plan.
        onnx: the file that it was compiled from.
        library: name and version of the compiler, e.g. "tensorrt_rtx_bindings 1.7.1.116".
        seconds: wall time of the compilation.
        layers: number of layers of the network before fusion.
        log: what the compiler said, warnings and worse.
    """

    path: Path
    onnx: Path
    library: str
    seconds: float
    layers: int
    log: Path

    def facts(self) -> dict[str, str]:
        """What the plan's card says: sizes, hashes, library, seconds."""
        return {
            "file": f"{self.path.name}, {self.path.stat().st_size / 1e6:.2f} MB, SHA-256 {file_hash(self.path)}",
            "compiled from": f"{self.onnx.name}, SHA-256 {file_hash(self.onnx)}",
            "library": self.library,
            "seconds": f"{self.seconds:.1f}",
            "layers before fusion": str(self.layers),
        }


@dataclass
class _Watch:
    """What the compiler says, and how far it is."""

    progress: Callable[[str, int, int], None]
    lines: list[str] = field(default_factory=list)
    steps: dict[str, list[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def build_plan(
    source: Path,
    target: Path,
    kind: str,
    batches: Sequence[ProfileBatches],
    *,
    timing_cache: Path | None = None,
    version_compatible: bool = False,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> Plan:
    """Compile a strongly typed network; precision is what the ONNX file says.

    The plan takes its place only when it is whole. TensorRT needs the GPU that will run the plan; TensorRT for RTX
    compiles without one, and finishes on the user's card.

    Args:
        source: the ONNX file, one input with a free batch.
        target: where the plan goes; beside it `<name>.log` says what the compiler said.
        kind: a key of `TARGETS`.
        batches: one optimisation profile each.
        timing_cache: file of measured kernels, read where it exists and written after: a second build is quicker.
        version_compatible: later versions of TensorRT can run the plan (it carries a lean runtime).
        progress: called with a phase, its steps done and their total, from the compiler's threads.

    Raises:
        Unavailable: the library is not installed, or there is no GPU where it needs one.
        Damaged: no such ONNX file, or none that can be read.
        WhatsitError: an operator that the library lacks; the sentence names it and its nodes.
    """
    trt = compiler(kind)
    if not source.is_file():
        raise Unavailable(f"There is no network file {source}; build it with `whatsit build`.")
    watch = _Watch(progress)
    logger = _logger(trt, watch)
    builder = _builder(trt, logger, kind, watch)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(source)):
        raise _refusal(parser, source, _library(trt))
    config = _configured(trt, builder, network, batches, version_compatible)
    config.progress_monitor = _monitor(trt, watch)
    cache = _read_cache(config, timing_cache)
    start = time.perf_counter()
    serialized = builder.build_serialized_network(network, config)
    seconds = time.perf_counter() - start
    target.parent.mkdir(parents=True, exist_ok=True)
    log = target.with_name(f"{target.name}.log")
    log.write_text("\n".join([f"{_library(trt)}, {source}, {seconds:.1f} s", *watch.lines]) + "\n", encoding="utf-8")
    if serialized is None:
        said = next((line for line in reversed(watch.lines) if line.startswith("ERROR")), "no reason given")
        if blind := _PARSED_NOT_COMPILED.get(kind, frozenset()) & _operators(source):
            raise _lacking(_library(trt), source, sorted(blind))
        raise WhatsitError(f"{_library(trt)} cannot compile {source}: {said[:300]} (all of it: {log}).")
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(bytes(serialized))
    part.replace(target)
    if cache is not None and timing_cache is not None:
        timing_cache.parent.mkdir(parents=True, exist_ok=True)
        timing_cache.write_bytes(bytes(cache.serialize()))
    return Plan(target, source, _library(trt), seconds, network.num_layers, log)


def compiler(kind: str) -> ModuleType:
    """The Python module that compiles for a target.

    Raises:
        Unavailable: an unknown target, or its library is not installed.
    """
    if kind not in TARGETS:
        raise Unavailable(f"There is no target {kind!r} for plans; choose {' or '.join(TARGETS)}.")
    modules, extra = TARGETS[kind]
    for name in modules:
        try:
            module = importlib.import_module(name)
        except (ImportError, OSError, RuntimeError, AttributeError):  # a stub, or CUDA's libraries are missing
            continue
        if hasattr(module, "Builder"):
            return module
    raise Unavailable(f"The target {kind} needs the package {modules[0]}: pip install '{extra}'.")


def _library(trt: ModuleType) -> str:
    return f"{trt.__name__} {trt.__version__}"


def _builder(trt: ModuleType, logger: Any, kind: str, watch: _Watch) -> Any:
    try:
        return trt.Builder(logger)
    except Exception as error:  # pybind raises TypeError where the constructor gives nothing
        said = next((line for line in reversed(watch.lines) if "ERROR" in line), str(error)).partition(": ")[2]
        other = " TensorRT-RTX compiles without one: --target tensorrt-rtx." if kind == "tensorrt" else ""
        raise Unavailable(
            f"{_library(trt)} does not start ({said[:200]}); it needs an NVIDIA GPU and its driver.{other}"
        ) from error


def _logger(trt: ModuleType, watch: _Watch) -> Any:
    class Logger(trt.ILogger):  # type: ignore[name-defined,misc]  # the base is known only when the library is here
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.WARNING:
                with watch.lock:
                    watch.lines.append(f"{str(severity).rpartition('.')[2]}: {message}")

    return Logger()


def _monitor(trt: ModuleType, watch: _Watch) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[name-defined,misc]  # as above
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            with watch.lock:
                watch.steps[name] = [0, steps]

        def step_complete(self, name: str, step: int) -> bool:
            with watch.lock:
                done = watch.steps.setdefault(name, [0, 0])
                done[0] = step + 1
            watch.progress(name, *done)
            return True

        def phase_finish(self, name: str) -> None:
            with watch.lock:
                watch.steps.pop(name, None)

    return Monitor()


def _configured(
    trt: ModuleType, builder: Any, network: Any, batches: Sequence[ProfileBatches], version_compatible: bool
) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _MEMORY)
    if version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    for batch in batches:
        profile = builder.create_optimization_profile()
        for index in range(network.num_inputs):
            tensor = network.get_input(index)
            rest = tuple(tensor.shape)[1:]
            profile.set_shape(tensor.name, (batch.min, *rest), (batch.opt, *rest), (batch.max, *rest))
        config.add_optimization_profile(profile)
    return config


def _read_cache(config: Any, path: Path | None) -> Any:
    if path is None:
        return None
    cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    config.set_timing_cache(cache, ignore_mismatch=True)
    return cache


def _refusal(parser: Any, source: Path, library: str) -> WhatsitError:
    """One sentence from the parser's errors: the operators that it lacks, or the first node that it refuses."""
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    try:
        kinds = sorted(_operators(source))
    except Exception:  # protobuf's kinds of errors
        return Damaged(f"{source} cannot be read as an ONNX network; build or export it again.")
    if lacking := [kind for kind in kinds if not parser.supports_operator(kind)]:
        return _lacking(library, source, lacking)
    if not errors:
        return WhatsitError(f"{library} refuses {source} and gives no reason; see its log.")
    first = errors[0]
    where = f" at the {first.node_operator()} {first.node_name()}" if first.node_operator() else ""
    return WhatsitError(f"{library} refuses {source}{where}: {first.desc().strip().splitlines()[-1][:300]}.")


def _lacking(library: str, source: Path, operators: Sequence[str]) -> WhatsitError:
    return WhatsitError(
        f"{library} has no operator {', '.join(operators)}, which {source} uses: export the network without "
        f"{'it' if len(operators) == 1 else 'them'}, or serve it with --target onnxruntime."
    )


def _operators(source: Path) -> set[str]:
    return {node.op_type for node in onnx.load(source, load_external_data=False).graph.node}
