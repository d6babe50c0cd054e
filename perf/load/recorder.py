"""Keeps every call of a run, and judges them at its end."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from locust import events

from perf.load.outcomes import FAILED, OK, REFUSED, Outcome, TooMany, shortcomings, write_outcomes

_outcomes: list[Outcome] = []


@events.request.add_listener
def record(
    request_type: str, name: str, response_time: float, exception: BaseException | None = None, **_: Any
) -> None:
    """Called by Locust after each call."""
    kind = OK if exception is None else REFUSED if isinstance(exception, TooMany) else FAILED
    start = time.time() - response_time / 1000
    _outcomes.append(Outcome(start, request_type, name, response_time, kind, str(exception or "")[:200]))


@events.quitting.add_listener
def judge(environment: Any, **_: Any) -> None:
    """Set Locust's exit code: 1 where a requirement was not met."""
    options = environment.parsed_options
    if options.record:
        write_outcomes(Path(options.record), _outcomes)
    found = shortcomings(_outcomes, options.slo_p99_ms, options.slo_failures, options.slo_refused)
    for sentence in found:
        logging.getLogger("whatsit").error("SLO: %s", sentence)
    environment.process_exit_code = 1 if found else 0
