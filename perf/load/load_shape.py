"""The shape that Locust finds; the option `--shape` says which course it takes."""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape

from perf.load.load_profile import rate_at
from perf.load.pacing import users_for

_RAMP = 100.0  # users started or stopped a second


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
