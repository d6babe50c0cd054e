"""Recall of each ranking stage on the same queries and catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Query:
    """One query whose truth is known.

    Args:
        vector: f32 [D], unit length.
        truth: id of the item that it shows.
        category: of that item.
    """

    vector: npt.NDArray[np.float32]
    truth: str
    category: str


@dataclass(frozen=True)
class RankedResult:
    """What came back for a query.

    Args:
        ids: of the items, best first.
        categories: of the items.
        answer: id of the item that the structured answer names, "" where it says that there is none.
    """

    ids: tuple[str, ...]
    categories: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Row:
    """A line of the table; every figure is a share, 0..1.

    Args:
        data: what was looked up where.
        queries: their number.
        stages: value of `rerank`.
        recall_at_1: the truth comes first.
        recall_at_5: the truth is among the first five.
        category_at_1: the first item is of the truth's category.
        answered: the structured answer names the truth.
    """

    data: str
    queries: int
    stages: str
    recall_at_1: float
    recall_at_5: float
    category_at_1: float
    answered: float


def ablate(
    data: str, queries: Sequence[Query], stages: Sequence[str], find: Callable[[Query, str], RankedResult]
) -> tuple[Row, ...]:
    """Measure recall for each choice of stages; a query without a match is a miss."""
    rows = []
    for choice in stages:
        found = [(query, find(query, choice)) for query in queries]
        shares = (
            [query.truth in result.ids[:1] for query, result in found],
            [query.truth in result.ids[:5] for query, result in found],
            [query.category in result.categories[:1] for query, result in found],
            [query.truth == result.answer for query, result in found],
        )
        rows.append(Row(data, len(queries), choice, *(sum(hits) / max(len(hits), 1) for hits in shares)))
    return tuple(rows)
