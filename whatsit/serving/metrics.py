"""Reads Triton's Prometheus counters."""

from __future__ import annotations

import re
import urllib.request


def request_successes(metrics_url: str, model: str) -> int:
    """Triton's `nv_inference_request_success` of a model, summed over versions; 0 before the first request.

    Raises:
        OSError: the metrics endpoint does not answer.
    """
    with urllib.request.urlopen(metrics_url, timeout=10) as reply:
        text = reply.read().decode()
    pattern = rf'^nv_inference_request_success\{{[^}}]*model="{re.escape(model)}"[^}}]*\}} (\S+)$'
    return round(sum(float(value) for value in re.findall(pattern, text, flags=re.MULTILINE)))
