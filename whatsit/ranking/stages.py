"""Ranking stages by name, as the request parameter `rerank` gives them."""

from __future__ import annotations

from collections.abc import Callable

from whatsit_client.errors import InvalidInput

from whatsit.ranking.category_order import category_order
from whatsit.ranking.geometry import Geometry
from whatsit.ranking.learned import Learned, Scorer
from whatsit.ranking.matches import Matches, Stage
from whatsit.ranking.neighbour_vote import NeighbourVote
from whatsit.ranking.query_expansion import QueryExpansion
from whatsit.ranking.reciprocal import Reciprocal
from whatsit.ranking.score import MIN_SCORE, Score
from whatsit.ranking.surprise import Surprise
from whatsit.ranking.words import Read

# "auto" is score, and `geometry` where the catalogue has visual words and it pays (see `choose_prints`). On grocery
# train photos no stage beat score alone: 98 of 100 found with and without `learned`; of 300, `surprise` and
# `category_order` found as many alone, fewer together. `geometry` decides between prints and more than doubles a
# call's work. `learned` is as good as the photos that it was trained on: on those that the embedder knows, or on
# synthetic ones, it learns thresholds that real photos do not keep.
DEFAULT_STAGES = "auto"
AUTO = "auto"

_STAGES: dict[str, Callable[[], Stage]] = {
    "surprise": Surprise,
    "category_order": lambda: category_order,
    "neighbour_vote": NeighbourVote,
    "reciprocal": Reciprocal,
    "query_expansion": QueryExpansion,
    "geometry": Geometry,
    "read": Read,
}
STAGES = (*_STAGES, "learned")
_READ_CLOSE = "read where close"  # no name that a caller may give
_FIRST = ("score", "rank")  # one stage; "rank" is its name up to 0.1 and accepted until 0.4


def stage_names(rerank: str) -> tuple[str, ...]:
    """Return the stages that `rerank` names, in order, without `score`.

    Raises:
        InvalidInput: a name is unknown or given twice.
    """
    names = [name.strip() for name in rerank.split(",")]
    if names == ["none"]:
        return ()
    for name in names:
        if name not in (*_FIRST, *STAGES, AUTO):
            known = ", ".join(["score", *STAGES, AUTO])
            raise InvalidInput(f"rerank names the unknown stage '{name[:40]}'; give a comma list of {known}, or none.")
        if names.count(name) > 1:
            raise InvalidInput(f"rerank names the stage '{name}' twice.")
    return tuple(name for name in names if name not in _FIRST)


def compose(
    rerank: str = "none", min_score: float = MIN_SCORE, learned: Scorer | None = None, read_close: bool = False
) -> Stage:
    """Return a stage that runs `score` and then the named stages in order.

    Args:
        rerank: comma list of stages, "none" for `score` alone. `score` may be named; it always comes first.
        min_score: for `score`, 0..2.
        learned: the trained ranker behind `learned`.
        read_close: also run `read`, before `learned`, on regions whose first matches are close.

    Raises:
        InvalidInput: a name is unknown or given twice, `min_score` is outside 0..2, or there is no trained ranker.
    """
    stages: list[Stage] = [Score(min_score)]
    names = stage_names(rerank)
    if read_close and "read" not in names:
        place = names.index("learned") if "learned" in names else len(names)
        names = (*names[:place], _READ_CLOSE, *names[place:])
    for name in names:
        if name == _READ_CLOSE:
            stages.append(Read(only_close=True))
        elif name != "learned":
            stages.append(Geometry() if name == AUTO else _STAGES[name]())
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
