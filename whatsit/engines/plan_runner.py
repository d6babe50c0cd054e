"""Runs a TensorRT plan on a GPU, without torch.

Polygraphy's `TrtRunner` ("not designed for production deployment") neither joins inputs on the GPU, nor leaves outputs
there, nor replays CUDA graphs, nor selects the profile by the batch; the server needs all of these.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput, Unavailable, WhatsitError

from whatsit.engines.cuda import Cuda, Graph
from whatsit.engines.dlpack import DeviceTensor
from whatsit.engines.gpu import find_gpus
from whatsit.engines.onnx_runner import Runner, TensorSpec, check_feeds
from whatsit.engines.plan_runtime import RUNTIMES, installed_runtimes, load_plan

Tensor = npt.NDArray[np.generic] | DeviceTensor


@dataclass(frozen=True)
class PlanProfile:
    """One optimisation profile of a plan.

    Args:
        index: number of the profile.
        min: smallest batch.
        opt: the batch that the kernels are tuned for.
        max: largest batch.
    """

    index: int
    min: int
    opt: int
    max: int


class PlanRunner(Runner):
    """One TensorRT plan on one GPU, as a context manager.

    Thread-safe; one run at a time. Buffers for the largest batch are allocated once, so that every run uses the same
    addresses and a captured CUDA graph stays valid. Batches above the plan's largest are split, batches below its
    smallest are padded.

    Args:
        path: the plan.
        device: number of the GPU.
        graphs: batch sizes that are captured as a CUDA graph after a warm-up run and replayed from then on.
        runtimes: packages to try; see `RUNTIMES`.

    Raises:
        Unavailable: there is no such file, no GPU, or no package that runs plans.
        Damaged: none of the installed packages can load the file.
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
        self._cuda, self._graph_batches = cuda, frozenset(graphs)
        self._dlpack_device = (cuda.dlpack_type, cuda.device)
        self._plan = load_plan(self.path, modules)
        engine, module = self._plan.engine, self._plan.module
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        taken = [name for name in names if engine.get_tensor_mode(name) == module.TensorIOMode.INPUT]
        self.inputs = tuple(_spec(engine, name) for name in taken)
        self.outputs = tuple(_spec(engine, name) for name in names if name not in taken)
        shapes = [engine.get_tensor_profile_shape(taken[0], n) for n in range(engine.num_optimization_profiles)]
        self.profiles = tuple(
            PlanProfile(n, *(int(next(iter(shape))) for shape in each)) for n, each in enumerate(shapes)
        )
        self.max_batch = max(profile.max for profile in self.profiles)
        self._memory: dict[str, int] = {}
        for spec in (*self.inputs, *self.outputs):
            self._memory[spec.name] = cuda.allocate(_bytes(spec, self.max_batch))
        self._contexts: dict[int, Any] = {}
        self._graphs: dict[int, Graph] = {}
        self._warmed_up: set[int] = set()
        self._lock = threading.Lock()

    @property
    def runtime(self) -> str:
        """Name, of `RUNTIMES`, and version of the package that runs the plan."""
        return f"{self._plan.name} {getattr(self._plan.module, '__version__', '')}".strip()

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        """Run the network once; see `Runner.run`."""
        check_feeds(self.path.name, self.inputs, feeds)
        count = len(feeds[self.inputs[0].name])
        parts = []
        for start in range(0, count, self.max_batch):
            part = {name: array[start : start + self.max_batch] for name, array in feeds.items()}
            with self._lock:
                parts.append(self._copy_to_host(self._run([part])))
        return {spec.name: np.concatenate([part[spec.name] for part in parts]) for spec in self.outputs}

    def run_parts(
        self, parts: Sequence[Mapping[str, Tensor]], on_device: bool = False
    ) -> list[dict[str, npt.NDArray[np.generic]]] | list[dict[str, DeviceTensor]]:
        """Run the inputs of several requests, in host or GPU memory, as one batch.

        Args:
            parts: one tensor per input for each request, in host memory or on this GPU.
            on_device: leave the outputs on the GPU, where they are valid until the next run.

        Returns:
            One tensor per output for each request.

        Raises:
            InvalidInput: a tensor has another dtype, shape or device, or the batch is above the plan's largest.
        """
        ends = np.cumsum([_rows(part[self.inputs[0].name]) for part in parts]).tolist()
        if ends[-1] > self.max_batch:
            raise InvalidInput(f"{self.path.name} takes batches up to {self.max_batch}, but got {ends[-1]}.")
        rows = list(zip([0, *ends[:-1]], ends, strict=True))
        with self._lock:
            whole = self._run(parts)
            if on_device:
                return [{name: tensor.rows(*span) for name, tensor in whole.items()} for span in rows]
            arrays = self._copy_to_host(whole)
        return [{name: array[start:stop] for name, array in arrays.items()} for start, stop in rows]

    def close(self) -> None:
        """Free the engine and its buffers; the runner cannot be used afterwards."""
        for graph in self._graphs.values():
            self._cuda.destroy_graph(graph)
        self._graphs.clear()
        self._contexts.clear()
        for pointer in self._memory.values():
            self._cuda.free(pointer)
        self._memory.clear()
        del self._plan
        self._cuda.close()

    def _run(self, parts: Sequence[Mapping[str, Tensor]]) -> dict[str, DeviceTensor]:
        """Copy the parts into the input buffers, run, and return the outputs."""
        self._cuda.set_device()
        count, keep = 0, []
        for spec in self.inputs:
            row, at = _bytes(spec, 1), 0
            for part in parts:
                keep.append(self._copy_in(self._memory[spec.name] + at * row, part[spec.name], spec))
                at += _rows(part[spec.name])
            count = at
        self._execute(count)
        self._cuda.synchronize()
        del keep  # the asynchronous copies to the GPU read these until here
        return {spec.name: self._output(spec, count) for spec in self.outputs}

    def _copy_in(self, pointer: int, tensor: Tensor, spec: TensorSpec) -> Tensor:
        if isinstance(tensor, DeviceTensor):
            if tensor.dtype != spec.dtype or tensor.shape[1:] != spec.shape[1:] or tensor.device != self._dlpack_device:
                raise InvalidInput(f"{self.path.name} takes {spec} on GPU {self._cuda.device}, but got another tensor.")
            self._cuda.copy_on_device(pointer, tensor.pointer, tensor.nbytes)
            return tensor
        if not spec.accepts(tensor):
            raise InvalidInput(f"{self.path.name} takes {spec}, but got {tensor.dtype}{list(tensor.shape)}.")
        whole = np.ascontiguousarray(tensor)
        self._cuda.copy_to_device(pointer, whole)
        return whole

    def _execute(self, count: int) -> None:
        """Start the network on the first `count` rows of its buffers."""
        fitting = [profile for profile in self.profiles if profile.max >= count]
        profile = min(fitting, key=lambda one: (max(0, one.min - count), abs(one.opt - count)))
        batch = max(count, profile.min)
        if batch in self._graphs:
            return self._cuda.launch(self._graphs[batch])
        context = self._context(profile)
        for spec in self.inputs:
            context.set_input_shape(spec.name, (batch, *spec.shape[1:]))
        # The first run initialises the network (TensorRT-RTX compiles kernels), which must not be captured.
        if batch in self._graph_batches and batch in self._warmed_up and self._capturable(context):
            self._graphs[batch] = self._cuda.capture(lambda: self._enqueue(context))
            return self._cuda.launch(self._graphs[batch])
        self._enqueue(context)
        self._warmed_up.add(batch)
        return None

    def _enqueue(self, context: Any) -> None:
        if not context.execute_async_v3(self._cuda.stream):
            raise WhatsitError(f"{self._plan.name} could not run {self.path.name}: build it again on this machine.")

    def _capturable(self, context: Any) -> bool:
        capturable = getattr(context, "is_stream_capturable", None)  # only TensorRT-RTX has it
        return capturable is None or bool(capturable(self._cuda.stream))

    def _context(self, profile: PlanProfile) -> Any:
        """Return the profile's execution context, with the addresses of all tensors set."""
        context = self._contexts.get(profile.index)
        if context is None:
            context = self._plan.engine.create_execution_context()
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
            self._memory[spec.name], shape, spec.dtype, (self._cuda.dlpack_type, self._cuda.device), owner=self
        )

    def _copy_to_host(self, outputs: Mapping[str, DeviceTensor]) -> dict[str, npt.NDArray[np.generic]]:
        arrays = {name: np.empty(tensor.shape, tensor.dtype) for name, tensor in outputs.items()}
        for name, tensor in outputs.items():
            self._cuda.copy_to_host(arrays[name], tensor.pointer)
        self._cuda.synchronize()
        return arrays


def _rows(tensor: Tensor) -> int:
    """Return the batch size of a tensor."""
    return int(tensor.shape[0])


def _bytes(spec: TensorSpec, batch: int) -> int:
    return batch * int(np.prod([side or 0 for side in spec.shape[1:]], dtype=np.int64)) * spec.dtype.itemsize


def _spec(engine: Any, name: str) -> TensorSpec:
    shape = tuple(engine.get_tensor_shape(name))
    if any(side < 0 for side in shape[1:]):
        raise Damaged(f"Tensor {name} of the engine has free sides beyond its batch; build it with fixed sides.")
    kind = str(engine.get_tensor_dtype(name)).rpartition(".")[2]
    try:
        dtype = np.dtype({"FLOAT": "float32", "HALF": "float16"}.get(kind, kind.lower()))
    except TypeError as error:
        message = f"Tensor {name} of the engine has the type {kind}, which NumPy has not; build it as float."
        raise Damaged(message) from error
    return TensorSpec(name, dtype, (None, *shape[1:]))
