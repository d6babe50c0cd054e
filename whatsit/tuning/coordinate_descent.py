"""Coordinate descent over a pipeline's configurations, each step a duel with the best so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from whatsit_client.errors import WhatsitError

from whatsit.tuning.ab_test import Arena, Standing, Subject, climb, duel
from whatsit.tuning.objective import Goal
from whatsit.tuning.proposals import proposals
from whatsit.tuning.search_space import Configuration, Space
from whatsit.tuning.trial_log import Journal, Trial

Told = Callable[[Trial], None]
_IN_A_ROW = 5


@dataclass(frozen=True)
class _Champion:
    """The best so far, being served."""

    subject: Subject
    concurrency: int


class Search:
    """A search for the best configuration.

    Args:
        arena: where configurations are served.
        space: the choices.
        goal: what counts.
        journal: what was tried; the search goes on from its best and repeats nothing in it.
        clock: seconds, ever more.
        trying: called with the change that is tried next.
        told: called with each trial that is done.
    """

    def __init__(
        self,
        arena: Arena,
        space: Space,
        goal: Goal,
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
        trying: Callable[[str], None] = lambda change: None,
        told: Told = lambda trial: None,
    ) -> None:
        self._arena, self._space, self._goal, self._journal = arena, space, goal, journal
        self._clock, self._trying, self._told = clock, trying, told

    def run(self, start: Configuration, until: float) -> Configuration:
        """Search until nothing near the best is untried, or the time is over.

        Args:
            start: where to begin, unless the journal has a best.
            until: no trial begins after this time of the clock.

        Returns:
            The best configuration.

        Raises:
            WhatsitError: the start cannot be served, or trial after trial fails.
        """
        known = self._journal.best()
        champion = self._crown(start if known is None else known.configuration, known)
        failed = 0
        try:
            while self._clock() < until:
                tried = {trial.configuration for trial in self._journal.trials}
                best, costs = champion.subject.configuration, champion.subject.costs()
                candidates = [one for one in proposals(self._space, best, costs) if one not in tried]
                if not candidates:
                    break
                champion, trial = self._try(candidates[0], champion)
                failed = failed + 1 if trial.verdict == "failed" else 0
                if failed == _IN_A_ROW:
                    raise WhatsitError(f"{failed} configurations in a row could not be served: {trial.reason}")
        finally:
            champion.subject.close()
        return champion.subject.configuration

    def _crown(self, configuration: Configuration, known: Trial | None) -> _Champion:
        """Serve the configuration to begin with and find its concurrency."""
        self._trying("the start")
        begin = self._clock()
        subject = self._arena.open(configuration)
        try:
            concurrency, block = climb(subject, self._goal, known.concurrency if known else self._space.cores, most=6)
        except BaseException:
            subject.close()
            raise
        if known is None:
            standing = Standing(concurrency, (block,))
            self._add(_trial(0, "", configuration, "start", standing, self._clock() - begin))
        return _Champion(subject, concurrency)

    def _try(self, configuration: Configuration, champion: _Champion) -> tuple[_Champion, Trial]:
        """One trial; the winner goes on being served, the other is stopped."""
        number, begin = len(self._journal.trials), self._clock()
        change = configuration.changes_from(champion.subject.configuration)
        self._trying(change)
        candidate: Subject | None = None
        try:
            candidate = self._arena.open(configuration)
            concurrency, _ = climb(candidate, self._goal, champion.concurrency, most=4)
            at = concurrency, champion.concurrency
            verdict = duel(candidate, champion.subject, at, self._goal)
        except BaseException as error:
            if candidate is not None:
                candidate.close()
            if not isinstance(error, WhatsitError):
                raise
            trial = Trial(
                number, change, configuration, "failed", seconds=self._clock() - begin, reason=str(error)
            )  # fmt: skip
            return champion, self._add(trial)
        loser = champion.subject if verdict.accepted else candidate
        loser.close()
        if verdict.accepted:
            champion = _Champion(candidate, concurrency)
        trial = _trial(number, change, configuration, verdict.word, verdict.candidate, self._clock() - begin)
        gain = 100 * verdict.gain.mean, 100 * verdict.gain.error, verdict.gain.pairs
        return champion, self._add(_beside(trial, gain, verdict.incumbent))

    def _add(self, trial: Trial) -> Trial:
        self._journal.add(trial)
        self._told(trial)
        return trial


def _trial(
    number: int, change: str, configuration: Configuration, verdict: str, standing: Standing, seconds: float
) -> Trial:
    reason = next((sentence for block in standing.blocks for sentence in block.failures), "")
    calls = len(standing.latencies_ms)
    figures = (standing.rate, standing.p99_ms, standing.cpu_ms) if calls else (0.0, 0.0, 0.0)
    return Trial(
        number, change, configuration, verdict, standing.concurrency, *figures, calls, seconds=seconds, reason=reason
    )


def _beside(trial: Trial, gain: tuple[float, float, int], incumbent: Standing) -> Trial:
    percent, error, pairs = gain
    return replace(trial, gain_percent=percent, error_percent=error, pairs=pairs, incumbent_images_per_s=incumbent.rate)
