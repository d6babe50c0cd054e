"""Coordinate descent over configurations by A/B tests with the incumbent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from whatsit_client.errors import WhatsitError

from whatsit.tuning.ab_test import Candidate, Measurement, ServerPool, ab_test, find_concurrency
from whatsit.tuning.objective import Goal
from whatsit.tuning.proposals import proposals
from whatsit.tuning.search_space import Configuration, Space
from whatsit.tuning.trial_log import Trial, TrialLog

_IN_A_ROW = 5


@dataclass(frozen=True)
class _Incumbent:
    """The best configuration so far, being served."""

    served: Candidate
    concurrency: int


class CoordinateDescent:
    """A search for the best configuration.

    Args:
        pool: where configurations are served.
        space: the choices.
        goal: what counts.
        log: what was tried; the search goes on from its best and repeats nothing in it.
        clock: seconds, ever more.
        trying: called with the change that is tried next.
        on_trial: called with each finished trial.
    """

    def __init__(
        self,
        pool: ServerPool,
        space: Space,
        goal: Goal,
        log: TrialLog,
        clock: Callable[[], float] = time.monotonic,
        trying: Callable[[str], None] = lambda change: None,
        on_trial: Callable[[Trial], None] = lambda trial: None,
    ) -> None:
        self._pool, self._space, self._goal, self._log = pool, space, goal, log
        self._clock, self._trying, self._on_trial = clock, trying, on_trial

    def run(self, start: Configuration, until: float) -> Configuration:
        """Search until nothing near the best is untried, or the time is over.

        Args:
            start: where to begin, unless the log has a best.
            until: no trial begins after this time of the clock.

        Returns:
            The best configuration.

        Raises:
            WhatsitError: the start cannot be served, or trial after trial fails.
        """
        known = self._log.best()
        incumbent = self._serve_start(start if known is None else known.configuration, known)
        failed = 0
        try:
            while self._clock() < until:
                tried = {trial.configuration for trial in self._log.trials}
                best, costs = incumbent.served.configuration, incumbent.served.costs()
                candidates = [one for one in proposals(self._space, best, costs) if one not in tried]
                if not candidates:
                    break
                incumbent, trial = self._try(candidates[0], incumbent)
                failed = failed + 1 if trial.verdict == "failed" else 0
                if failed == _IN_A_ROW:
                    raise WhatsitError(f"{failed} configurations in a row could not be served: {trial.reason}")
        finally:
            incumbent.served.close()
        return incumbent.served.configuration

    def _serve_start(self, configuration: Configuration, known: Trial | None) -> _Incumbent:
        """Serve the configuration to begin with and find its concurrency."""
        self._trying("the start")
        begin = self._clock()
        served = self._pool.open(configuration)
        try:
            concurrency, block = find_concurrency(
                served, self._goal, known.concurrency if known else self._space.cores, most=6
            )
        except BaseException:
            served.close()
            raise
        if known is None:
            measurement = Measurement(concurrency, (block,))
            self._add(_trial(0, "", configuration, "start", measurement, self._clock() - begin))
        return _Incumbent(served, concurrency)

    def _try(self, configuration: Configuration, incumbent: _Incumbent) -> tuple[_Incumbent, Trial]:
        """Run one trial; keep the winner running and stop the other."""
        number, begin = len(self._log.trials), self._clock()
        change = configuration.changes_from(incumbent.served.configuration)
        self._trying(change)
        candidate: Candidate | None = None
        try:
            candidate = self._pool.open(configuration)
            concurrency, _ = find_concurrency(candidate, self._goal, incumbent.concurrency, most=4)
            at = concurrency, incumbent.concurrency
            comparison = ab_test(candidate, incumbent.served, at, self._goal)
        except BaseException as error:
            if candidate is not None:
                candidate.close()
            if not isinstance(error, WhatsitError):
                raise
            trial = Trial(
                number, change, configuration, "failed", seconds=self._clock() - begin, reason=str(error)
            )  # fmt: skip
            return incumbent, self._add(trial)
        loser = incumbent.served if comparison.accepted else candidate
        loser.close()
        if comparison.accepted:
            incumbent = _Incumbent(candidate, concurrency)
        trial = _trial(number, change, configuration, comparison.word, comparison.candidate, self._clock() - begin)
        trial = replace(
            trial,
            gain_percent=100 * comparison.gain.mean,
            error_percent=100 * comparison.gain.error,
            pairs=comparison.gain.pairs,
            incumbent_images_per_s=comparison.incumbent.rate,
        )
        return incumbent, self._add(trial)

    def _add(self, trial: Trial) -> Trial:
        self._log.add(trial)
        self._on_trial(trial)
        return trial


def _trial(
    number: int, change: str, configuration: Configuration, verdict: str, measurement: Measurement, seconds: float
) -> Trial:
    reason = next((sentence for block in measurement.blocks for sentence in block.failures), "")
    calls = len(measurement.latencies_ms)
    figures = (measurement.rate, measurement.p99_ms, measurement.cpu_ms) if calls else (0.0, 0.0, 0.0)
    return Trial(
        number, change, configuration, verdict, measurement.concurrency, *figures, calls, seconds=seconds, reason=reason
    )
