"""Reader of a server's metrics page."""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from whatsit_client.transport.address import Address


@dataclass(frozen=True)
class MetricsPage:
    """The metrics of a server at one moment.

    Args:
        at: seconds of a clock that only rises.
        series: exposed name -> its samples; the value is NaN where a summary has no observation.
    """

    at: float
    series: Mapping[str, Sequence[Sample]]

    @classmethod
    def read(cls, url: str, timeout: float = 10.0) -> MetricsPage:
        """Read the metrics endpoint, with the key in WHATSIT_KEY.

        Raises:
            InvalidInput: WHATSIT_KEY is no key.
            OSError: it does not answer.
            ValueError: the reply is not Prometheus' text format.
        """
        request = urllib.request.Request(url)
        for name, value in Address.parse().headers.items():
            request.add_unredirected_header(name, value)  # a redirection may lead to another server
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return cls.parse(reply.read().decode())
        except http.client.HTTPException as error:  # a port that speaks something else
            raise ValueError(f"{url} speaks no HTTP") from error

    @classmethod
    def parse(cls, text: str) -> MetricsPage:
        """Read Prometheus' text format.

        Raises:
            ValueError: the text is of another format.
        """
        series: dict[str, list[Sample]] = {}
        # Without types: the parser adds `_total` to the names of counters that lack it, as Triton's do.
        samples = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
        for family in text_string_to_metric_families(samples):
            for sample in family.samples:
                series.setdefault(sample.name, []).append(sample)
        return cls(time.monotonic(), series)

    def of(self, name: str, **labels: str) -> tuple[Sample, ...]:
        """Return the samples of a name whose labels have these values."""
        return tuple(one for one in self.series.get(name, ()) if labels.items() <= one.labels.items())

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of these samples, 0 where there is none."""
        return sum(one.value for one in self.of(name, **labels))


def request_successes(metrics_url: str, model: str) -> int:
    """Return `nv_inference_request_success` of a model; 0 before the first request.

    Triton counts a request a moment after its reply, so the counter is read until it no longer changes.

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
