"""Gate: a new network goes on only where no figure falls beyond its noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from whatsit.loop.turn.figures import Figure
from whatsit.loop.turn.loop_recipe import Gating

_SEED = 29
Verdict = Literal["better", "within noise", "worse"]


@dataclass(frozen=True)
class Judged:
    """A figure with its noise.

    Args:
        name: of the set.
        queries: in it.
        before: recall@1 of the serving network.
        after: of the new one.
        before_error: binomial standard error of `before`.
        after_error: of `after`.
        noise: by how much the difference may fall by chance: standard errors of the paired difference (bootstrap).
        verdict: what the difference is beside its noise.
    """

    name: str
    queries: int
    before: float
    after: float
    before_error: float
    after_error: float
    noise: float
    verdict: Verdict

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(self.__dict__)


def judge(figures: Sequence[Figure], recipe: Gating) -> list[Judged]:
    """Compare both networks on each set.

    The noise is that of the paired difference: both networks saw the same photos, so that the photos' own difficulty
    cancels out. It is never below one photo.
    """
    judged = []
    for figure in figures:
        count = len(figure.before)
        gained = figure.after.astype(np.float64) - figure.before
        dice = np.random.default_rng(_SEED)
        means = [gained[dice.integers(0, count, count)].mean() for _ in range(recipe.samples)]
        noise = max(recipe.noise * float(np.std(means)), 1.0 / count)
        difference = float(gained.mean())
        verdict: Verdict = "within noise"
        if abs(difference) > noise + 1e-9:
            verdict = "better" if difference > 0 else "worse"
        before, after = float(figure.before.mean()), float(figure.after.mean())
        old, new = (float(np.sqrt(share * (1 - share) / count)) for share in (before, after))
        judged.append(Judged(figure.name, count, before, after, old, new, noise, verdict))
    return judged


def decide(judged: Sequence[Judged], gain: bool) -> tuple[bool, str]:
    """Return whether the network goes on, and the sentence that says why.

    Args:
        judged: all figures.
        gain: one of them must rise beyond its noise.
    """
    worse = [one for one in judged if one.verdict == "worse"]
    better = [one for one in judged if one.verdict == "better"]
    if not judged:
        return False, "Refused: there is nothing to measure the network on."
    if worse:
        first = min(worse, key=lambda one: one.after - one.before)
        return False, f"Refused: {_words(first)}, which is beyond its noise of {100 * first.noise:.1f} points."
    if better:
        first = max(better, key=lambda one: one.after - one.before)
        return True, f"Passed: {_words(first)}, and no figure fell beyond its noise."
    sentence = "no figure fell beyond its noise, and none rose beyond it"
    return (False, f"Refused: {sentence}.") if gain else (True, f"Passed: {sentence}.")


def _words(one: Judged) -> str:
    moved = "rose" if one.after > one.before else "fell"
    name = one.name[0].lower() + one.name[1:]
    return f"R@1 on {name} {moved} from {100 * one.before:.1f} to {100 * one.after:.1f} %"
