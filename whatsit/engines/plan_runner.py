"""Runs a TensorRT plan on a GPU, with the interface of `OnnxRunner`; knows nothing of torch."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput, Unavailable, WhatsitError

from whatsit.engines.cuda import Cuda, Graph
from whatsit.engines.dlpack import DeviceTensor
from whatsit.engines.gpu import find_gpus
from whatsit.engines.onnx_runner import TensorSpec, check_feeds, file_fingerprint
from whatsit.engines.plan_runtime import RUNTIMES, installed_runtimes, load_plan

_DTYPES: dict[str, type[np.generic]] = {
    "UINT8": np.uint8,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "HALF": np.float16,
    "FLOAT": np.float32,
    "BOOL": np.bool_,
}

Placed = npt.NDArray[np.generic] | DeviceTensor


@dataclass(frozen=True)
class Profile:
    """One optimisation profile of a plan.

    Args:
        index: its number in the plan.
        least: smallest batch that it takes.
        best: the batch that it was tuned for.
        most: largest batch that it takes.
    """

    index: int
    least: int
    best: int
    most: int


class PlanRunner:
    """One TensorRT plan on one GPU, as a context manager; runs one after another, from any thread.

    Memory for the largest batch is taken once, so that every run uses the same addresses and a recorded CUDA graph
    stays valid. Batches above the plan's largest are cut, those below its smallest padded.

    Args:
        path: the plan.
        device: number of the GPU.
        graphs: batch sizes that are recorded as a CUDA graph on their first run and replayed from then on.
        runtimes: packages that may run it; see `RUNTIMES`.

    Raises:
        Unavailable: there is no such file, no GPU, or no package that runs plans.
        Damaged: no package that is here takes the file.
    """

    def __init__(
        self,
        path: str | Path,
        device: int = 0,
        graphs: Collection[int] = (),
        runtimes: tuple[str, ...] = RUNTIMES,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise Unavailable(f"There is no engine {self.path}; build it with `whatsit build … --target tensorrt`.")
        try:
            found = len(find_gpus())
        except Unavailable as error:
            raise Unavailable(f"{self.path.name} is a TensorRT engine and needs a GPU: {error}") from error
        if device >= found:
            raise Unavailable(f"There is no GPU number {device}: this process sees {found}.")
        modules = installed_runtimes(runtimes)
        cuda = Cuda(device)
        try:
            self._open(cuda, modules, graphs)
        except BaseException:
            cuda.close()
            raise

    def _open(self, cuda: Cuda, modules: dict[str, ModuleType], graphs: Collection[int]) -> None:
        self._cuda, self._graphed = cuda, frozenset(graphs)
        self._here = (cuda.kind, cuda.device)
        self._loaded = load_plan(self.path, modules)
        engine, module = self._loaded.engine, self._loaded.module
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        taken = [name for name in names if engine.get_tensor_mode(name) == module.TensorIOMode.INPUT]
        self.inputs = tuple(_spec(engine, name) for name in taken)
        self.outputs = tuple(_spec(engine, name) for name in names if name not in taken)
        shapes = [engine.get_tensor_profile_shape(taken[0], n) for n in range(engine.num_optimization_profiles)]
        self.profiles = tuple(Profile(n, *(int(next(iter(shape))) for shape in each)) for n, each in enumerate(shapes))
        self.max_batch = max(profile.most for profile in self.profiles)
        self._memory: dict[str, int] = {}
        for spec in (*self.inputs, *self.outputs):
            self._memory[spec.name] = cuda.allocate(_bytes(spec, self.max_batch))
        self._contexts: dict[int, Any] = {}
        self._recorded: dict[int, Graph] = {}
        self._warm: set[int] = set()
        self._lock = threading.Lock()

    @property
    def runtime(self) -> str:
        """The package that runs it, of `RUNTIMES`, with its version."""
        return f"{self._loaded.name} {getattr(self._loaded.module, '__version__', '')}".strip()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file, hexadecimal."""
        return file_fingerprint(self.path)

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once; arguments, result and errors as in `OnnxRunner.run`."""
        check_feeds(self.path.name, self.inputs, feeds)
        count = len(feeds[self.inputs[0].name])
        parts = []
        for start in range(0, count, self.max_batch):
            part = {name: array[start : start + self.max_batch] for name, array in feeds.items()}
            with self._lock:
                parts.append(self._downloaded(self._run([part])))
        return {spec.name: np.concatenate([part[spec.name] for part in parts]) for spec in self.outputs}

    def run_parts(
        self, parts: Sequence[Mapping[str, Placed]], on_device: bool = False
    ) -> list[dict[str, npt.NDArray[np.generic]]] | list[dict[str, DeviceTensor]]:
        """Run several callers' inputs, wherever they lie, as one batch.

        Args:
            parts: of each caller one tensor per input, in the CPU's memory or on this GPU.
            on_device: leave the outputs on the GPU, where they are valid until the next run.

        Returns:
            Of each caller one tensor per output.

        Raises:
            InvalidInput: a tensor does not fit, or all of them together are over the plan's largest batch.
        """
        ends = np.cumsum([len_of(part[self.inputs[0].name]) for part in parts]).tolist()
        if ends[-1] > self.max_batch:
            raise InvalidInput(f"{self.path.name} takes batches up to {self.max_batch}, but got {ends[-1]}.")
        rows = list(zip([0, *ends[:-1]], ends, strict=True))
        with self._lock:
            whole = self._run(parts)
            if on_device:
                return [{name: tensor.rows(*span) for name, tensor in whole.items()} for span in rows]
            arrays = self._downloaded(whole)
        return [{name: array[start:stop] for name, array in arrays.items()} for start, stop in rows]

    def close(self) -> None:
        """Free the engine and its memory; the runner cannot be used afterwards."""
        for graph in self._recorded.values():
            self._cuda.forget(graph)
        self._recorded.clear()
        self._contexts.clear()
        for pointer in self._memory.values():
            self._cuda.free(pointer)
        self._memory.clear()
        del self._loaded
        self._cuda.close()

    def __enter__(self) -> PlanRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, parts: Sequence[Mapping[str, Placed]]) -> dict[str, DeviceTensor]:
        """Place the parts one after another, run, and name where the outputs lie."""
        self._cuda.use()
        count, keep = 0, []
        for spec in self.inputs:
            row, at = _bytes(spec, 1), 0
            for part in parts:
                keep.append(self._place(self._memory[spec.name] + at * row, part[spec.name], spec))
                at += len_of(part[spec.name])
            count = at
        self._execute(count)
        self._cuda.synchronize()
        del keep  # copies to the GPU read from these until here
        return {spec.name: self._output(spec, count) for spec in self.outputs}

    def _place(self, pointer: int, tensor: Placed, spec: TensorSpec) -> Placed:
        if isinstance(tensor, DeviceTensor):
            if tensor.dtype != spec.dtype or tensor.shape[1:] != spec.shape[1:] or tensor.device != self._here:
                raise InvalidInput(f"{self.path.name} takes {spec} on GPU {self._cuda.device}, but got another tensor.")
            self._cuda.copy(pointer, tensor.pointer, tensor.nbytes)
            return tensor
        if not spec.accepts(tensor):
            raise InvalidInput(f"{self.path.name} takes {spec}, but got {tensor.dtype}{list(tensor.shape)}.")
        whole = np.ascontiguousarray(tensor)
        self._cuda.upload(pointer, whole)
        return whole

    def _execute(self, count: int) -> None:
        """Start the network on the first `count` rows of its memory."""
        fitting = [profile for profile in self.profiles if profile.most >= count]
        profile = min(fitting, key=lambda one: (max(0, one.least - count), abs(one.best - count)))
        batch = max(count, profile.least)
        if batch in self._recorded:
            return self._cuda.launch(self._recorded[batch])
        context = self._context(profile)
        for spec in self.inputs:
            context.set_input_shape(spec.name, (batch, *spec.shape[1:]))
        # Its first run sets a network up (TensorRT-RTX compiles kernels then), which must not be recorded.
        if batch in self._graphed and batch in self._warm and self._recordable(context):
            self._recorded[batch] = self._cuda.capture(lambda: self._enqueue(context))
            return self._cuda.launch(self._recorded[batch])
        self._enqueue(context)
        self._warm.add(batch)
        return None

    def _enqueue(self, context: Any) -> None:
        if not context.execute_async_v3(self._cuda.stream):
            raise WhatsitError(f"{self._loaded.name} could not run {self.path.name}: build it again on this machine.")

    def _recordable(self, context: Any) -> bool:
        asked = getattr(context, "is_stream_capturable", None)  # TensorRT-RTX alone
        return asked is None or bool(asked(self._cuda.stream))

    def _context(self, profile: Profile) -> Any:
        """The profile's own context, with the addresses of all tensors set."""
        context = self._contexts.get(profile.index)
        if context is None:
            context = self._loaded.engine.create_execution_context()
            if context is None:
                raise Unavailable(f"The GPU has no memory left to run {self.path.name}: stop what else uses it.")
            if profile.index:
                context.set_optimization_profile_async(profile.index, self._cuda.stream)
            for name, pointer in self._memory.items():
                context.set_tensor_address(name, pointer)
            self._contexts[profile.index] = context
        return context

    def _output(self, spec: TensorSpec, count: int) -> DeviceTensor:
        shape = (count, *(int(side or 0) for side in spec.shape[1:]))
        return DeviceTensor(
            self._memory[spec.name], shape, spec.dtype, (self._cuda.kind, self._cuda.device), owner=self
        )

    def _downloaded(self, outputs: Mapping[str, DeviceTensor]) -> dict[str, npt.NDArray[np.generic]]:
        arrays = {name: np.empty(tensor.shape, tensor.dtype) for name, tensor in outputs.items()}
        for name, tensor in outputs.items():
            self._cuda.download(arrays[name], tensor.pointer)
        self._cuda.synchronize()
        return arrays


def len_of(tensor: Placed) -> int:
    """Rows of a tensor."""
    return int(tensor.shape[0])


def _bytes(spec: TensorSpec, batch: int) -> int:
    return batch * int(np.prod([side or 0 for side in spec.shape[1:]], dtype=np.int64)) * spec.dtype.itemsize


def _spec(engine: Any, name: str) -> TensorSpec:
    shape = tuple(engine.get_tensor_shape(name))
    if any(side < 0 for side in shape[1:]):
        raise Damaged(f"Tensor {name} of the engine has free sides beyond its batch; build it with fixed sides.")
    kind = str(engine.get_tensor_dtype(name)).rpartition(".")[2]
    if kind not in _DTYPES:
        raise Damaged(f"Tensor {name} of the engine has the type {kind}, which NumPy has not; build it as float.")
    return TensorSpec(name, np.dtype(_DTYPES[kind]), (None, *shape[1:]))
