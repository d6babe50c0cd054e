"""Reads Triton's Prometheus counters."""

from __future__ import annotations

import re
import time
import urllib.request


def request_successes(metrics_url: str, model: str) -> int:
    """Triton's `nv_inference_request_success` of a model at rest; 0 before the first request.

    Triton counts a request a moment after its reply has left, so the counter is read until it stands still.

    Raises:
        OSError: the metrics endpoint does not answer.
    """
    count = _read(metrics_url, model)
    while True:
        time.sleep(0.3)
        before, count = count, _read(metrics_url, model)
        if before == count:
            return count


def _read(metrics_url: str, model: str) -> int:
    with urllib.request.urlopen(metrics_url, timeout=10) as reply:
        text = reply.read().decode()
    pattern = rf'^nv_inference_request_success\{{[^}}]*model="{re.escape(model)}"[^}}]*\}} (\S+)$'
    return round(sum(float(value) for value in re.findall(pattern, text, flags=re.MULTILINE)))
