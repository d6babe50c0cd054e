"""Publisher of a Python backend process's metrics on the server's metrics page.

Every instance of a model is a process of its own. Triton keeps one series per name and labels for all of them:
increments add up, and of a gauge the last writer's value stands, which is why gauges carry the label `process`. One
increment is a message between processes and takes 35 to 170 microseconds, so requests only feed a `MetricBuffer`, and a
thread passes on the sums once a second.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from whatsit.serving.metrics.instruments import Exposed, Family, Gauge, Labels, MetricBuffer

PERIOD_S = 1.0

Sample = Callable[[], Mapping[Gauge, float]]


class Publisher:
    """A thread that publishes a buffer's sums and the watched gauges.

    Args:
        triton: the module `triton_python_backend_utils`.
        process: name of the model's instance, such as "retrieval_0_1".
        families: those that this model feeds; their series stand at 0 from the start.
        buffer: what requests feed.
        period_s: seconds between two publications.
    """

    def __init__(
        self, triton: Any, process: str, families: Iterable[Family], buffer: MetricBuffer, period_s: float = PERIOD_S
    ) -> None:
        self._triton, self._process, self._buffer, self._period_s = triton, process, buffer, period_s
        self._exposed = {one.name: one for family in families for one in family.exposed()}
        self._families: dict[str, Any] = {}
        self._series: dict[tuple[str, Labels], Any] = {}
        self._samples: list[Sample] = []
        self._shown: dict[Gauge, float] = {}
        self._stopping = threading.Event()
        for one in self._exposed.values():
            self._family(one)
            for labels in one.zeros:
                self._one(one.name, labels)
        self._thread = threading.Thread(target=self._run, name="whatsit-metrics", daemon=True)
        self._thread.start()

    def watch(self, sample: Sample) -> None:
        """Call `sample` for gauge values before every publication.

        What it raises leaves them unchanged.
        """
        self._samples.append(sample)

    def stop(self) -> None:
        """Publish what is left and end."""
        self._stopping.set()
        self._thread.join(timeout=10 * self._period_s)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._period_s):
                self._publish()
            self._publish()
        except Exception as error:  # metrics must never end a server
            self._triton.Logger.log_error(f"{self._process} publishes no more metrics: {error}")

    def _publish(self) -> None:
        for (name, labels), amount in self._cumulated(self._buffer.drain()).items():
            self._one(name, labels).increment(amount)
        for sample in self._samples:
            try:
                values = sample()
            except Exception as error:
                self._triton.Logger.log_warn(f"{self._process} could not read the values of its gauges: {error}")
                continue
            for gauge, value in values.items():
                if self._shown.get(gauge) != value:
                    self._one(gauge.name, (self._process,)).set(value)
                    self._shown[gauge] = value

    def _cumulated(self, taken: Mapping[tuple[str, Labels], float]) -> Mapping[tuple[str, Labels], float]:
        """What fell into a bucket counts in all buckets above it too."""
        amounts: dict[tuple[str, Labels], float] = {}
        for (name, labels), amount in taken.items():
            edges = self._exposed[name].edges
            places = [(*labels[:-1], edge) for edge in edges[edges.index(labels[-1]) :]] if edges else [labels]
            for place in places:
                amounts[name, place] = amounts.get((name, place), 0.0) + amount
        return amounts

    def _one(self, name: str, labels: Labels) -> Any:
        key = (name, labels)
        if key not in self._series:
            exposed = self._exposed[name]
            names = dict(zip(exposed.labels, labels, strict=True))
            self._series[key] = _kept(self._family(exposed).Metric(labels=names))
        return self._series[key]

    def _family(self, exposed: Exposed) -> Any:
        if exposed.name not in self._families:
            new = self._triton.MetricFamily
            kind = new.COUNTER if exposed.counts else new.GAUGE
            self._families[exposed.name] = _kept(new(name=exposed.name, description=exposed.text, kind=kind))
        return self._families[exposed.name]


def _kept(metric: Any) -> Any:
    """Keep an object until the process ends, also when the interpreter is finalized.

    Triton 2.51 frees a metric family of all models when one process deletes its own. Then a model that is loaded again
    corrupts Triton's memory.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(metric))
    return metric
