"""Ablation of ranking stages: recall, answers and latency of each choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class RankedResult:
    """Result of one query.

    Args:
        truth: id of the item that the query shows.
        category: of that item.
        group: for a row of its own in the table; "" for none.
        ids: items found, best first.
        categories: of the items found.
        answer: id that the structured answer names first, "" for none.
    """

    truth: str
    category: str
    group: str
    ids: tuple[str, ...]
    categories: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class StageRow:
    """A line of the table; figures are shares, 0..1, and milliseconds.

    Args:
        catalogue: what was searched.
        group: "all", or a group of photos.
        stages: value of `rerank`.
        queries: their number.
        recall_at_1: the truth comes first.
        recall_at_5: the truth is among the first five.
        category_at_1: the first item is of the truth's category.
        answered: the structured answer names the truth.
        answered_wrong: it names another item.
        median_ms: of a call, one caller; None where it was not measured.
        added_ms: median of the differences to the same photo without stages.
    """

    catalogue: str
    group: str
    stages: str
    queries: int
    recall_at_1: float
    recall_at_5: float
    category_at_1: float
    answered: float
    answered_wrong: float
    median_ms: float | None = None
    added_ms: float | None = None


def stage_rows(
    catalogue: str,
    stages: str,
    results: Sequence[RankedResult],
    median_ms: float | None = None,
    added_ms: float | None = None,
) -> list[StageRow]:
    """Return the rows of one choice of stages: all photos, then each group.

    Only the first row has times.
    """
    groups = {"all": list(results)}
    for result in results:
        if result.group:
            groups.setdefault(result.group, []).append(result)
    rows = []
    for group, members in groups.items():
        shares = (
            [result.truth in result.ids[:1] for result in members],
            [result.truth in result.ids[:5] for result in members],
            [result.category in result.categories[:1] for result in members],
            [result.truth == result.answer for result in members],
            [result.answer not in ("", result.truth) for result in members],
        )
        first, five, category, answered, wrong = (sum(hits) / len(members) for hits in shares)
        row = StageRow(catalogue, group, stages, len(members), first, five, category, answered, wrong)
        rows.append(replace(row, median_ms=median_ms, added_ms=added_ms) if group == "all" else row)
    return rows
