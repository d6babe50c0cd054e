"""What Locust finds: options, the course of the load, and every call's outcome."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from locust import LoadTestShape, events

from perf.common.setting import DEMO
from perf.load.outcomes import FAILED, OK, REFUSED, Outcome, TooMany, shortcomings, write_outcomes
from perf.load.pacing import rate_at, users_for

_RAMP = 100.0  # users started or stopped a second

_outcomes: list[Outcome] = []


class Shape(LoadTestShape):  # type: ignore[misc]  # Locust is not typed
    """Users by the second."""

    def tick(self) -> tuple[int, float] | None:
        """Locust asks once a second."""
        assert self.runner is not None
        options: Any = self.runner.environment.parsed_options
        if options.shape == "closed":  # callers who send the next call at the answer
            return (int(options.rate), _RAMP) if self.get_run_time() < options.seconds else None
        rate = rate_at(options.shape, self.get_run_time(), options.seconds, options.rate, options.peak)
        return None if rate is None else (users_for(rate), _RAMP)


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Called by Locust before it reads the command line."""
    group = parser.add_argument_group("Whatsit")
    group.add_argument("--grpc-url", default="127.0.0.1:8001", help="host:port of gRPC; that of HTTP is --host")
    group.add_argument("--photos", default=str(DEMO / "scenes"), help="folder of pictures to send; the demo's scenes")
    group.add_argument("--shape", default="steady", choices=["steady", "steps", "spike", "soak", "closed"])
    group.add_argument("--rate", type=float, default=10.0, help="calls a second (closed: callers)")
    group.add_argument("--seconds", type=float, default=60.0, help="how long, ramps included")
    group.add_argument("--peak", type=float, default=30.0, help="calls a second in a spike and on the last step")
    group.add_argument("--changes", type=float, default=0.1, help="share of the calls that change the catalogue")
    group.add_argument("--slo-p99-ms", type=float, default=1000.0, help="the run fails beyond, identify alone counts")
    group.add_argument("--slo-failures", type=float, default=0.0, help="share of calls that may fail, 0..1")
    group.add_argument("--slo-refused", type=float, default=0.0, help="share of calls that may be refused as too many")
    group.add_argument("--record", default="", help="CSV file for one line per call")


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
