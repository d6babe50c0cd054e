"""Reads a server's metrics page."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True)
class Series:
    """One line of the page.

    Args:
        labels: name -> value.
        value: NaN where a summary has seen nothing.
    """

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class MetricsPage:
    """What a server said of itself at one moment.

    Args:
        at: seconds of a clock that only rises.
        series: exposed name -> its series.
    """

    at: float
    series: Mapping[str, tuple[Series, ...]]

    @classmethod
    def read(cls, url: str, timeout: float = 10.0) -> MetricsPage:
        """Ask the endpoint, such as `http://localhost:8002/metrics`.

        Raises:
            OSError: it does not answer.
        """
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            return cls.parse(reply.read().decode())

    @classmethod
    def parse(cls, text: str) -> MetricsPage:
        """Read Prometheus' text format; lines of another form are passed over."""
        series: dict[str, list[Series]] = {}
        for name, inside, value in _LINE.findall(text):
            try:
                number = float(value)
            except ValueError:
                continue
            labels = {key: re.sub(r"\\.", _unescaped, text) for key, text in _LABEL.findall(inside)}
            series.setdefault(name, []).append(Series(labels, number))
        return cls(time.monotonic(), {name: tuple(found) for name, found in series.items()})

    def of(self, name: str, **labels: str) -> tuple[Series, ...]:
        """The series of a name whose labels have these values."""
        return tuple(one for one in self.series.get(name, ()) if labels.items() <= one.labels.items())

    def total(self, name: str, **labels: str) -> float:
        """Their sum, 0 where there is none."""
        return sum(one.value for one in self.of(name, **labels))


def request_successes(metrics_url: str, model: str) -> int:
    """Return `nv_inference_request_success` of a model; 0 before the first request.

    Triton counts a request a moment after its reply has left, so the counter is read until it stands still.

    Raises:
        OSError: the metrics endpoint does not answer.
    """
    count = _successes(metrics_url, model)
    while True:
        time.sleep(0.3)
        before, count = count, _successes(metrics_url, model)
        if before == count:
            return count


def _successes(metrics_url: str, model: str) -> int:
    return round(MetricsPage.read(metrics_url).total("nv_inference_request_success", model=model))


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], found[0])
