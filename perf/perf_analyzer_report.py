"""Reads what perf_analyzer prints: latency and rate per concurrency, queue and compute per composing model."""

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
    """

    name: str
    inferences: int
    executions: int
    queue: float
    compute: float


@dataclass(frozen=True)
class Load:
    """One measurement at one concurrency; times in milliseconds.

    Args:
        concurrency: requests in flight.
        rate: images per second.
        percentiles: 50, 90, 95, 99 -> milliseconds.
        models: the composing models in the order of the pipeline.
    """

    concurrency: int
    rate: float
    percentiles: dict[int, float]
    models: tuple[ModelTimes, ...]


_MODEL = re.compile(
    r"^ *(?:(?P<name>\S+), version: ?\S*|Server:) *\n"
    r" *Inference count: (?P<inferences>\d+)\n"
    r" *Execution count: (?P<executions>\d+)\n"
    r"(?: *Cache hit count: \d+\n)?(?: *Cache miss count: \d+\n)?"
    r" *Successful request count: \d+\n"
    r" *Avg request latency: \d+ usec \((?P<parts>.*)\)",
    re.MULTILINE,
)
# Triton reports by alphabet; the eye follows the picture.
_PIPELINE = ("", "decode", "detector", "classifier", "regions", "embedder", "retrieval")
_PART = re.compile(r"([a-z ]+?) (\d+) usec")


def read_load(text: str) -> Load | None:
    """Read what one run at one concurrency printed; None where it measured nothing."""
    concurrency = re.search(r"^Request concurrency: (\d+)", text, re.MULTILINE)
    rate = re.search(r"Throughput: ([\d.]+) infer/sec", text)
    if concurrency is None or rate is None:
        return None
    percentiles = {int(percent): int(us) / 1000 for percent, us in re.findall(r"p(\d+) latency: (\d+) usec", text)}
    return Load(int(concurrency[1]), float(rate[1]), percentiles, tuple(_read_models(text)))


def _read_models(body: str) -> list[ModelTimes]:
    models = []
    for found in _MODEL.finditer(body):
        times = {name.strip(" +"): int(us) / 1000 for name, us in _PART.findall(found["parts"])}
        compute = sum(time for name, time in times.items() if name.startswith("compute"))
        counts = int(found["inferences"]), int(found["executions"])
        models.append(ModelTimes(found["name"] or "", *counts, times.get("queue", 0.0), compute))
    return sorted(models, key=lambda model: _PIPELINE.index(model.name) if model.name in _PIPELINE else len(_PIPELINE))
