"""Stages by name: what the request parameter `rerank` chooses."""

from __future__ import annotations

from collections.abc import Callable

from whatsit_client.errors import InvalidInput

from whatsit.ranking.category_order import category_order
from whatsit.ranking.geometry import Geometry
from whatsit.ranking.learned import Learned, Score
from whatsit.ranking.matches import Matches, Stage
from whatsit.ranking.neighbour_vote import NeighbourVote
from whatsit.ranking.query_expansion import QueryExpansion
from whatsit.ranking.rank import MIN_RANK, Rank
from whatsit.ranking.reciprocal import Reciprocal
from whatsit.ranking.surprise import Surprise

# A server's, where its catalogue is prepared for them: `learned` counts as soon as its owner trained a ranker. It found
# as many of 100 grocery train photos that it was not trained on as rank alone (98), and says better when nothing is
# there. On 300 such photos against 81 shop images no other stage beat rank alone (R@1 98.7 %): `surprise` alone and
# `category_order` alone equalled it, both together gave 98.0 %. `geometry` helps on print, and more than doubles a
# call's work. These are on request.
DEFAULT_STAGES = "learned"

_STAGES: dict[str, Callable[[], Stage]] = {
    "surprise": Surprise,
    "category_order": lambda: category_order,
    "neighbour_vote": NeighbourVote,
    "reciprocal": Reciprocal,
    "query_expansion": QueryExpansion,
    "geometry": Geometry,
}
STAGES = (*_STAGES, "learned")


def stage_names(rerank: str) -> tuple[str, ...]:
    """The stages that a value of `rerank` names, in its order; `rank`, which always comes first, is not among them.

    Raises:
        InvalidInput: a name is unknown or given twice.
    """
    names = [name.strip() for name in rerank.split(",")]
    if names == ["none"]:
        return ()
    for name in names:
        if name != "rank" and name not in STAGES:
            known = ", ".join(["rank", *STAGES])
            raise InvalidInput(f"rerank names the unknown stage '{name[:40]}'; give a comma list of {known}, or none.")
        if names.count(name) > 1:
            raise InvalidInput(f"rerank names the stage '{name}' twice.")
    return tuple(name for name in names if name != "rank")


def compose(rerank: str = "none", min_rank: float = MIN_RANK, learned: Score | None = None) -> Stage:
    """One stage that runs `rank` and then the named ones, in the order given.

    Args:
        rerank: comma list of stages, "none" for `rank` alone. `rank` may be named; it always comes first.
        min_rank: for `rank`, 0..2.
        learned: the trained ranker behind `learned`.

    Raises:
        InvalidInput: a name is unknown or given twice, `min_rank` is outside 0..2, or there is no trained ranker.
    """
    stages: list[Stage] = [Rank(min_rank)]
    for name in stage_names(rerank):
        if name != "learned":
            stages.append(_STAGES[name]())
        elif learned is None:
            raise InvalidInput(
                "rerank names 'learned', and this catalogue has no trained ranker: run 'whatsit train ranker DIR'."
            )
        else:
            stages.append(Learned(learned))

    def run(matches: Matches) -> Matches:
        for stage in stages:
            matches = stage(matches)
        return matches

    return run
