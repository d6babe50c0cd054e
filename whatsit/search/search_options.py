"""The typed options of one search."""

from __future__ import annotations

from dataclasses import dataclass

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.pipeline.region_selection import RegionOptions


@dataclass(frozen=True)
class SearchOptions(RegionOptions):
    """Options of a call beyond those of `RegionOptions`.

    Args:
        top_k: matches per region, 1..100.
        where: only items that it holds for are searched; None for all.
        min_score: matches below it are dropped, 0..2; None for the server's default.
        rerank: comma list of ranking stages or "none"; None for the server's default.
        codes: "on" reads the codes in the picture, "off" does not, "auto" does where items have codes.
        read: "on" reads the words in every region, "off" in none, "auto" where the first matches are close and the
            region looks like print. The stage `read` in `rerank` is the same as "on".
        text: words of the title, brand or size that the caller knows; "" for none.
    """

    top_k: int = 10
    where: Filter | None = None
    min_score: float | None = None
    rerank: str | None = None
    text: str = ""
    codes: str = "auto"
    read: str = "off"
