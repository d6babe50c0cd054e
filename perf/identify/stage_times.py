"""Time of each stage of `identify`, from Triton's statistics."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

STEPS = ("decode", "detector", "classifier", "regions", "embedder", "retrieval")
FUSED_STEPS = ("describe", "retrieval")
PARTS = ("queue", "compute_input", "compute_infer", "compute_output")

Statistics = Mapping[str, Mapping[str, Any]]


def read_statistics(http_url: str) -> Statistics:
    """Triton's counters since its start, by model."""
    with urllib.request.urlopen(f"http://{http_url}/v2/models/stats", timeout=10) as reply:
        return {model["name"]: model for model in json.loads(reply.read())["model_stats"]}


@dataclass(frozen=True)
class Stage:
    """One model's share of a request; milliseconds, mean over the requests.

    Args:
        name: of the model.
        queue: waiting for an instance, or for a batch.
        copy_in: inputs laid where the step reads them.
        compute: the step itself.
        copy_out: outputs taken from it.
        batch: requests per execution.
        beside: it ran beside a slower one and adds nothing to the latency.
    """

    name: str
    queue: float
    copy_in: float
    compute: float
    copy_out: float
    batch: float
    beside: bool = False

    @property
    def total(self) -> float:
        """Milliseconds of all four parts."""
        return sum(self.times)

    @property
    def times(self) -> tuple[float, float, float, float]:
        """Milliseconds of each part."""
        return self.queue, self.copy_in, self.compute, self.copy_out


@dataclass(frozen=True)
class LatencyBreakdown:
    """What a caller waited for, on average, in milliseconds.

    Args:
        callers: requests in flight.
        latency: measured by the caller.
        inside: from the moment that Triton has the request to the one that it has the answer.
        stages: in the picture's order.
        variant: that they called.
    """

    callers: int
    latency: float
    inside: float
    stages: tuple[Stage, ...]
    variant: str = "ensemble"

    @property
    def steps(self) -> float:
        """Return the milliseconds of the stages that follow each other."""
        return sum(stage.total for stage in self.stages if not stage.beside)

    @property
    def scheduling(self) -> float:
        """Time inside Triton and in no stage; below 0 where stages overlapped."""
        return self.inside - self.steps

    @property
    def transport(self) -> float:
        """Time outside Triton's clock: HTTP, bytes in and out, the caller."""
        return self.latency - self.inside

    @property
    def explained(self) -> float:
        """Share of the measured latency that the stages' own clocks account for, 0..1."""
        return self.steps / self.latency


def latency_breakdown(
    before: Statistics, after: Statistics, latency: float, callers: int, variant: str = "ensemble"
) -> LatencyBreakdown:
    """What happened between two readings of the statistics.

    Args:
        before: the first reading.
        after: the second.
        latency: the callers' mean over the same requests, milliseconds.
        callers: requests in flight.
        variant: that they called, "ensemble" or "fused".
    """
    requests, nanoseconds = _spent(before, after, "identify", "success")
    inside = nanoseconds / max(requests, 1) / 1e6
    stages = {name: _stage(before, after, name) for name in (FUSED_STEPS if variant == "fused" else STEPS)}
    if "detector" in stages:
        # Detector and classifier start together; regions waits for the slower one.
        first, second = stages["detector"], stages["classifier"]
        quicker = second if second.total <= first.total else first
        stages[quicker.name] = replace(quicker, beside=True)
    return LatencyBreakdown(callers, latency, inside, tuple(stages.values()), variant)


def _stage(before: Statistics, after: Statistics, name: str) -> Stage:
    spent = [_spent(before, after, name, part) for part in PARTS]
    queue, copy_in, compute, copy_out = (nanoseconds / max(count, 1) / 1e6 for count, nanoseconds in spent)
    requests, _ = _spent(before, after, name, "success")
    executions = [int(reading.get(name, {}).get("execution_count", 0)) for reading in (before, after)]
    return Stage(name, queue, copy_in, compute, copy_out, requests / max(executions[1] - executions[0], 1))


def _spent(before: Statistics, after: Statistics, model: str, part: str) -> tuple[int, int]:
    """Count and nanoseconds that one counter gained."""
    pairs = [reading.get(model, {}).get("inference_stats", {}).get(part, {}) for reading in (before, after)]
    count, nanoseconds = (int(pairs[1].get(key, 0)) - int(pairs[0].get(key, 0)) for key in ("count", "ns"))
    return count, nanoseconds
