"""Watch after a switch: are as many searches answered and clicked as before?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from whatsit.catalogue.store.store import Store
from whatsit.loop.turn.loop_recipe import Watching

Verdict = Literal["waiting", "fine", "fallen"]


@dataclass(frozen=True)
class Traffic:
    """Searches of some time.

    Args:
        searches: all that looked for something.
        answered: of these, with an answer.
        clicked: choices of an item in the same time.
    """

    searches: int
    answered: int
    clicked: int

    def share(self, name: str) -> float:
        """Return `answered` or `clicked` a search."""
        return min(getattr(self, name) / self.searches, 1.0) if self.searches else 0.0

    def minus(self, other: Traffic) -> Traffic:
        """Return what came since an earlier count."""
        return Traffic(
            max(self.searches - other.searches, 0),
            max(self.answered - other.answered, 0),
            max(self.clicked - other.clicked, 0),
        )

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def count_traffic(store: Store, since: date) -> Traffic:
    """Return the searches and choices from a day on."""
    with store.snapshot() as connection:
        states = dict(
            connection.execute(
                "SELECT state, sum(searches) FROM search_counts WHERE day >= ? GROUP BY state", (since.isoformat(),)
            )
        )
        clicked = connection.execute(
            "SELECT count(*) FROM clicks WHERE kind = 'match' AND made >= ?", (since.isoformat(),)
        ).fetchone()[0]
    searches = sum(int(states.get(name, 0)) for name in ("found", "unsure", "not_found"))
    return Traffic(searches, int(states.get("found", 0)), int(clicked))


def first_day(switched: datetime, recipe: Watching) -> date:
    """Return the first of the days that are compared with."""
    return switched.date() - timedelta(days=recipe.days_before - 1)


@dataclass(frozen=True)
class Comparison:
    """Shares before and after a switch.

    Args:
        before: traffic of the days before.
        after: traffic since the switch.
        verdict: "waiting" for more searches, "fine", or "fallen".
        sentence: that says why.
    """

    before: Traffic
    after: Traffic
    verdict: Verdict
    sentence: str

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def compare_traffic(before: Traffic, after: Traffic, recipe: Watching) -> Comparison:
    """Return whether answered or clicked searches have fallen beyond their noise.

    The noise is that of the difference of two binomial shares.
    """
    if after.searches < recipe.searches:
        return Comparison(
            before, after, "waiting", f"{after.searches} of {recipe.searches} searches were seen since the switch."
        )
    for name in ("answered", "clicked"):
        old, new = before.share(name), after.share(name)
        if not before.searches or not after.searches:
            continue
        noise = recipe.noise * math.sqrt(old * (1 - old) / before.searches + new * (1 - new) / after.searches)
        if new < old - max(noise, 1 / after.searches):
            sentence = (
                f"Of the searches, {100 * new:.1f} % were {name} after the switch and {100 * old:.1f} % before, which "
                f"is beyond the noise of {100 * noise:.1f} points."
            )
            return Comparison(before, after, "fallen", sentence)
    if not before.searches or not after.searches:
        return Comparison(before, after, "fine", "There was no traffic to compare.")
    return Comparison(
        before, after, "fine",
        f"Of the searches, {100 * after.share('answered'):.1f} % were answered after the switch and "
        f"{100 * before.share('answered'):.1f} % before.",
    )  # fmt: skip
