"""Step `speed`: images per second of every network and batch."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from whatsit_client.errors import WhatsitError

from perf.gpu.check import Check
from perf.gpu.stopwatch import device, milliseconds, replayed
from perf.gpu.subjects import NETWORKS, network, plans
from whatsit.engines.dlpack import DeviceTensor
from whatsit.engines.plan_runner import PlanRunner

BATCHES = (1, 8, 32, 64)


def run(check: Check) -> None:
    """Time engines with inputs on the device, or torch in half precision instead."""
    batches = (1,) if check.dry else BATCHES
    found = dict(plans(check))
    for name in NETWORKS[-1:] if check.dry else NETWORKS:
        subject, weights = network(name)
        work = flops(subject.module, subject.size)
        if name in found:
            try:
                measure_plan(check, name, str(found[name]), subject.size, work, batches)
            except WhatsitError as error:
                check.skip(f"{name}, plan", str(error))
        else:
            check.skip(f"{name}, plan", "There is no engine for it (step builds); torch stands in.")
        for batch in batches:
            measure_torch(check, name, subject.module, subject.size, batch, work, weights)


def measure_torch(
    check: Check, name: str, module: nn.Module, size: int, batch: int, work: float, note: str
) -> float | None:
    """Time torch in half precision, channels last, traced, as a CUDA graph."""
    case = f"{name}, torch half, batch {batch}"
    if check.done(case):
        return None
    where = device()
    ready = copy.deepcopy(module).eval().to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, device=where)
    images = images.to(memory_format=torch.channels_last)
    seconds, warm, least = (0.01, 0, 1) if check.dry else (1.0, 3, 5)
    try:
        elapsed, how = milliseconds(replayed(_traced(ready, images)), seconds, warm, least), "traced"
        how += ", CUDA graph" if torch.cuda.is_available() else ", CPU"
    except RuntimeError as error:  # an operator that cannot be traced or recorded
        elapsed, how = milliseconds(lambda: _half(ready, images), seconds, warm, least), "eager"
        how += f": {str(error).splitlines()[0][:80]}"
    rate = batch / elapsed * 1000
    check.record(case, "images", rate, "1/s", note=f"{size} px, {how}, {note}")
    if work:
        check.record(case, "arithmetic", rate * work / 1e12, "TFLOP/s", limit="fp16 matrix product")
    return rate


def _traced(module: nn.Module, images: torch.Tensor) -> Callable[[], object]:
    """Return the traced and frozen network in half precision."""
    half = torch.float16 if images.is_cuda else torch.bfloat16
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        with torch.autocast(images.device.type, dtype=half, cache_enabled=False):
            frozen = torch.jit.freeze(torch.jit.trace(module, images, check_trace=False))

    def once() -> object:
        with torch.inference_mode():
            return frozen(images)

    return once


def _half(module: nn.Module, images: torch.Tensor) -> object:
    half = torch.float16 if images.is_cuda else torch.bfloat16
    with torch.inference_mode(), torch.autocast(images.device.type, dtype=half):
        return module(images)


def measure_plan(check: Check, name: str, path: str, size: int, work: float, batches: tuple[int, ...]) -> None:
    """Time one engine: device inputs and outputs, CUDA graphs, whole runs."""
    with PlanRunner(path, graphs=batches) as runner:
        for batch in batches:
            case = f"{name}, {runner.runtime}, batch {batch}"
            if batch > runner.max_batch or check.done(case):
                continue
            images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, device=device())
            taken = DeviceTensor.from_capsule(images.__dlpack__())
            feed = [{runner.inputs[0].name: taken}]
            elapsed = milliseconds(lambda feed=feed: runner.run_parts(feed, on_device=True))  # type: ignore[misc]
            rate = batch / elapsed * 1000
            check.record(case, "images", rate, "1/s", note=f"{size} px, on the device, CUDA graph")
            if work:
                check.record(case, "arithmetic", rate * work / 1e12, "TFLOP/s", limit="int8 matrix product")
        host = np.random.default_rng(0).integers(0, 256, (batches[-1], 3, size, size)).astype(np.uint8)
        elapsed = milliseconds(lambda: runner.run({runner.inputs[0].name: host}))
        case = f"{name}, {runner.runtime}, batch {len(host)}, from the host"
        check.record(case, "images", len(host) / elapsed * 1000, "1/s", note="copies both ways included")


def flops(module: nn.Module, size: int) -> float:
    """Return the floating-point operations of one picture (2 per multiply-add)."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        module.eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    return float(counter.get_total_flops())
