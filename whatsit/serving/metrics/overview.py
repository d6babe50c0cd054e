"""Activity of a server between two readings of its metrics page."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.metrics.scrape import MetricsPage

ENSEMBLES = ("identify", "embed", "detect")
_ORDER = (*ENSEMBLES, "decode", "detector", "classifier", "regions", "embedder", "describe", "retrieval", "catalogue")

_FAILURES = "nv_inference_request_failure"
# Triton does not count what a Python step answers with an error; Whatsit's own counters do.
_FAILURES_OF_STEPS = (_FAILURES, metrics.REFUSED.name, metrics.FAILED.name)


@dataclass(frozen=True)
class ModelLoad:
    """One model or ensemble; None where nothing was asked of it.

    Args:
        name: of the model.
        rate: requests answered a second.
        failures: refused, failed or turned away a second; None of an ensemble, whose failures Triton counts twice.
        p50: milliseconds of a request, median of about the last minute; None where the server keeps no summaries.
        p99: the same, 99 of 100 take at most this.
        queue: milliseconds a request waited, mean.
        compute: milliseconds it was worked on, mean.
        batch: requests' items joined in one execution, mean.
        pending: requests waiting now.
    """

    name: str
    rate: float
    failures: float | None
    p50: float | None
    p99: float | None
    queue: float | None
    compute: float | None
    batch: float | None
    pending: int


@dataclass(frozen=True)
class IndexState:
    """State of the searched index; of several processes, the one furthest behind.

    Args:
        generation: its number.
        age: seconds since it was written.
        items: in the generation.
        vectors: in the generation.
        delta: vectors in memory besides it.
        full: additions wait for `compact`.
        pending: changes since it was written.
        agree: all processes search the same generation.
    """

    generation: int
    age: float
    items: int
    vectors: int
    delta: int
    full: bool
    pending: int
    agree: bool


@dataclass(frozen=True)
class Machine:
    """Load of the machine; None where Triton does not measure it.

    Args:
        cpu: share of all cores in use, 0..1.
        memory_used: bytes.
        memory_total: bytes.
        gpus: share of each GPU in use, 0..1.
    """

    cpu: float | None
    memory_used: float | None
    memory_total: float | None
    gpus: tuple[float, ...]


@dataclass(frozen=True)
class Overview:
    """Activity of a server between two readings.

    Shares and means are None where nothing happened between them.

    Args:
        seconds: between the readings.
        models: ensembles first, then the steps in the pipeline's order.
        identified: pictures looked up a second.
        gate_rate: share of them that the gate stopped, 0..1.
        absent_rate: share of the others that are not in the catalogue, 0..1.
        regions: of a picture, mean.
        matches: of a region, mean.
        refused: reason -> requests refused a second, those of which there were any.
        turned_away: requests a second that a full queue refused.
        failed: requests failed a second through no fault of the caller.
        changes: items changed a second over the network.
        stages: stage -> milliseconds, mean.
        items: in the catalogue, None where the server has no such gauge.
        index: None where the server has no gauges of an index.
        machine: CPU, memory and GPUs.
        totals: since the server's start: answered, refused, failed, identified, found, changes.
    """

    seconds: float
    models: tuple[ModelLoad, ...]
    identified: float
    gate_rate: float | None
    absent_rate: float | None
    regions: float | None
    matches: float | None
    refused: Mapping[str, float]
    turned_away: float
    failed: float
    changes: float
    stages: Mapping[str, float]
    items: int | None
    index: IndexState | None
    machine: Machine
    totals: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def between(cls, before: MetricsPage, after: MetricsPage) -> Overview:
        """Compare two readings; a server restarted in between counts from its start."""
        grown = _Growth(before, after)
        outcome = {name: grown.by(metrics.IDENTIFIED.name, outcome=name) for name in metrics.OUTCOMES}
        searched = outcome["found"] + outcome["unsure"] + outcome["absent"]
        refused = {
            reason: grown.rate(metrics.REFUSED.name, reason=reason)
            for reason in metrics.REASONS
            if grown.by(metrics.REFUSED.name, reason=reason)
        }
        stages = {stage: grown.mean(metrics.STAGE_SECONDS.name, stage=stage) for stage in metrics.STAGES}
        items = after.of(metrics.ITEMS.name)
        names = _models(after)
        steps = [name for name in names if name not in ENSEMBLES]
        return cls(
            seconds=grown.seconds,
            models=tuple(_model(name, grown) for name in names),
            identified=sum(outcome.values()) / grown.seconds,
            gate_rate=_share(outcome["gated"], sum(outcome.values())),
            absent_rate=_share(outcome["absent"], searched),
            regions=grown.mean(metrics.REGIONS.name),
            matches=grown.mean(metrics.MATCHES.name),
            refused=refused,
            turned_away=sum(grown.rate(_FAILURES, model=name, reason="REJECTED") for name in steps),
            failed=grown.rate(metrics.FAILED.name)
            + sum(
                grown.rate(_FAILURES, model=name, reason=reason) for name in steps for reason in ("BACKEND", "OTHER")
            ),
            changes=grown.rate(metrics.CHANGES.name),
            stages={stage: 1000 * mean for stage, mean in stages.items() if mean is not None},
            items=round(max(one.value for one in items)) if items else None,
            index=_index(after),
            machine=_machine(after),
            totals=_totals(after),
        )

    def to_record(self) -> dict[str, Any]:
        """Return the overview as a JSON object."""
        record: dict[str, Any] = asdict(self)
        record["models"] = {one.pop("name"): one for one in record["models"]}
        return record


class _Growth:
    """Increase of counters between two readings."""

    def __init__(self, before: MetricsPage, after: MetricsPage) -> None:
        self.after = after
        self._before = before
        self.seconds = max(after.at - before.at, 1e-3)

    def by(self, name: str, **labels: str) -> float:
        now, then = self.after.total(name, **labels), self._before.total(name, **labels)
        return now - then if now >= then else now

    def rate(self, name: str, **labels: str) -> float:
        return self.by(name, **labels) / self.seconds

    def mean(self, histogram: str, **labels: str) -> float | None:
        return _share(self.by(f"{histogram}_sum", **labels), self.by(f"{histogram}_count", **labels))


def _totals(page: MetricsPage) -> dict[str, int]:
    answered = sum(page.total("nv_inference_request_success", model=name) for name in ENSEMBLES)
    found = {
        "answered": answered,
        "refused": page.total(metrics.REFUSED.name),
        "failed": page.total(metrics.FAILED.name),
        "identified": page.total(metrics.IDENTIFIED.name),
        "found": page.total(metrics.IDENTIFIED.name, outcome="found"),
        "changes": page.total(metrics.CHANGES.name),
    }
    return {name: round(value) for name, value in found.items()}


def _models(page: MetricsPage) -> list[str]:
    names = {one.labels["model"] for one in page.of("nv_inference_request_success")}
    return [name for name in _ORDER if name in names] + sorted(names - set(_ORDER))


def _model(name: str, grown: _Growth) -> ModelLoad:
    done = grown.by("nv_inference_request_success", model=name)
    parts = ("input", "infer", "output")
    computed = sum(grown.by(f"nv_inference_compute_{part}_duration_us", model=name) for part in parts)
    executions = grown.by("nv_inference_exec_count", model=name)
    return ModelLoad(
        name=name,
        rate=done / grown.seconds,
        failures=None if name in ENSEMBLES else sum(grown.rate(counter, model=name) for counter in _FAILURES_OF_STEPS),
        p50=_quantile(grown.after, name, "0.5"),
        p99=_quantile(grown.after, name, "0.99"),
        queue=_share(grown.by("nv_inference_queue_duration_us", model=name) / 1000, done),
        compute=_share(computed / 1000, done),
        batch=None if name in ENSEMBLES else _share(grown.by("nv_inference_count", model=name), executions),
        pending=round(grown.after.total("nv_inference_pending_request_count", model=name)),
    )


def _quantile(page: MetricsPage, model: str, quantile: str) -> float | None:
    found = page.of("nv_inference_request_summary_us", model=model, quantile=quantile)
    return found[0].value / 1000 if found and math.isfinite(found[0].value) else None


def _index(page: MetricsPage) -> IndexState | None:
    generations = {one.labels["process"]: one.value for one in page.of(metrics.GENERATION.name)}
    if not generations:
        return None
    process = min(generations, key=lambda name: (generations[name], name))

    def value(name: str) -> float:
        return page.total(name, process=process)

    return IndexState(
        generation=round(generations[process]),
        age=max(0.0, time.time() - value(metrics.CREATED.name)),
        items=round(value(metrics.INDEX_ITEMS.name)),
        vectors=round(value(metrics.INDEX_VECTORS.name)),
        delta=round(max(one.value for one in page.of(metrics.DELTA.name))),
        full=any(one.value for one in page.of(metrics.DELTA_FULL.name)),
        pending=round(value(metrics.PENDING.name)),
        agree=len(set(generations.values())) == 1,
    )


def _machine(page: MetricsPage) -> Machine:
    def one(name: str) -> float | None:
        found = page.of(name)
        return found[0].value if found else None

    gpus = tuple(one.value for one in page.of("nv_gpu_utilization"))
    return Machine(one("nv_cpu_utilization"), one("nv_cpu_memory_used_bytes"), one("nv_cpu_memory_total_bytes"), gpus)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
