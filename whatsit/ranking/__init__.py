"""Ranking: pure stages from nearest neighbours to an answer."""

from whatsit.ranking.answer import answer
from whatsit.ranking.matches import Matches, SearchContext
from whatsit.ranking.score import MIN_SCORE, match
from whatsit.ranking.stages import DEFAULT_STAGES, compose

__all__ = ["DEFAULT_STAGES", "MIN_SCORE", "Matches", "SearchContext", "answer", "compose", "match"]
