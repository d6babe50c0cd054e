"""Reads what perf_analyzer prints: latency and rate under one load, queue and compute of each composing model."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelTimes:
    """What Triton's statistics say of one model during one measurement; times in milliseconds per request.

    Args:
        name: of the model, "" for the ensemble as a whole.
        inferences: how many items.
        executions: in how many executions, fewer than `inferences` where requests were batched together.
        queue: waiting.
        compute: input, inference and output together.
        batch: items of a request, mean.
    """

    name: str
    inferences: int
    executions: int
    queue: float
    compute: float
    batch: float = 1.0


@dataclass(frozen=True)
class Load:
    """One measurement; times in milliseconds.

    Args:
        offered: the load: "4 in flight" or "12.5/s at random".
        rate: items per second: of requests in flight, their number over the mean latency; else as it was counted.
        percentiles: 50, 90, 95, 99 -> milliseconds.
        models: the loaded model itself with the name "", then those that it is composed of in the pipeline's order.
        delayed: percent of the requests that perf_analyzer sent later than it meant to.
    """

    offered: str
    rate: float
    percentiles: dict[int, float]
    models: tuple[ModelTimes, ...]
    delayed: float = 0.0


_MODEL = re.compile(
    r"^ *(?:(?P<name>\S+), version: ?\S*|Server:) *\n"
    r" *Inference count: (?P<inferences>\d+)\n"
    r" *Execution count: (?P<executions>\d+)\n"
    r"(?: *Cache hit count: \d+\n)?(?: *Cache miss count: \d+\n)?"
    r" *Successful request count: (?P<requests>\d+)\n"
    r" *Avg request latency: \d+ usec \((?P<parts>.*)\)",
    re.MULTILINE,
)
# Triton reports by alphabet; the eye follows the picture.
_PIPELINE = ("", "decode", "detector", "classifier", "regions", "embedder", "retrieval")
_PART = re.compile(r"([a-z ]+?) (\d+) usec")


def read_load(text: str) -> Load | None:
    """Read what one run under one load printed; None where it measured nothing."""
    callers = re.search(r"^Request concurrency: (\d+)", text, re.MULTILINE)
    arrivals = re.search(r"^Request Rate: ([\d.]+) inference requests", text, re.MULTILINE)
    said = re.search(r"Throughput: ([\d.]+) infer/sec", text)
    mean = re.search(r"Avg latency: (\d+) usec", text)
    models = tuple(_read_models(text))
    if said is None or mean is None or not models or not (callers or arrivals):
        return None
    offered = f"{callers[1]} in flight" if callers else f"{float(arrivals[1]):g}/s at random" if arrivals else ""
    late = re.search(r"([\d.]+)% of the requests were delayed", text)
    percentiles = {int(percent): int(us) / 1000 for percent, us in re.findall(r"p(\d+) latency: (\d+) usec", text)}
    # With a count of requests it rounds the time up to seconds; where callers wait for each answer, the rate comes
    # from the mean latency.
    batch = models[0].batch
    rate = batch * int(callers[1]) * 1e6 / int(mean[1]) if callers else float(said[1])
    return Load(offered, rate, percentiles, models, float(late[1]) if late else 0.0)


def _read_models(body: str) -> list[ModelTimes]:
    models = []
    for found in _MODEL.finditer(body):
        times = {name.strip(" +"): int(us) / 1000 for name, us in _PART.findall(found["parts"])}
        compute = sum(time for name, time in times.items() if name.startswith("compute"))
        counts = int(found["inferences"]), int(found["executions"])
        batch = counts[0] / max(1, int(found["requests"]))
        models.append(ModelTimes(found["name"] or "", *counts, times.get("queue", 0.0), compute, batch))
    return sorted(models, key=lambda model: _PIPELINE.index(model.name) if model.name in _PIPELINE else len(_PIPELINE))
