"""Budgets of an index, and the measured figures of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from whatsit_client.errors import Damaged, InvalidInput

from whatsit.index.index_kind import Kind
from whatsit.index.sharding import Sharding, check_sharding

# What counts where budgets are given, but not this one.
DEFAULT_RECALL = 0.95
DEFAULT_QUERY_MS = 10.0


@dataclass(frozen=True)
class IndexBudget:
    """Budgets of an index, checked when made and kept by later generations.

    Args:
        kind: of every shard (see `Kind`); None to leave it to the budgets, or without budgets to the size.
        max_query_ms: milliseconds of one query on one thread, over 0.
        max_memory: bytes of the index, over 0: what it takes in memory when all of it is in use.
        min_recall: share of the ten nearest items that a query finds, over 0, at most 1.
        sharding: how rows are divided into shards.

    Raises:
        InvalidInput: a budget is out of its range.
    """

    kind: str | None = None
    max_query_ms: float | None = None
    max_memory: int | None = None
    min_recall: float | None = None
    sharding: Sharding = "auto"

    def __post_init__(self) -> None:
        if self.kind is not None:
            Kind.parse(self.kind)
        check_sharding(self.sharding)
        if self.max_query_ms is not None and not self.max_query_ms > 0:
            raise InvalidInput(f"A query takes more than 0 ms, and the budget is {self.max_query_ms:g}.")
        if self.max_memory is not None and self.max_memory < 1:
            raise InvalidInput(f"An index takes more than 0 bytes, and the budget is {self.max_memory}.")
        if self.min_recall is not None and not 0 < self.min_recall <= 1:
            raise InvalidInput(f"Recall is over 0 and at most 1, not {self.min_recall:g}.")

    @property
    def has_budgets(self) -> bool:
        """Return whether something has to be measured."""
        return any(one is not None for one in (self.max_query_ms, self.max_memory, self.min_recall))

    @property
    def recall(self) -> float:
        """Return the required recall."""
        return DEFAULT_RECALL if self.min_recall is None else self.min_recall

    @property
    def query_ms(self) -> float:
        """Return the milliseconds that a query may take."""
        return DEFAULT_QUERY_MS if self.max_query_ms is None else self.max_query_ms

    def to_record(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> IndexBudget:
        """Read the entry of a manifest.

        Raises:
            Damaged: it is no budget.
        """
        try:
            return cls(**{one.name: record[one.name] for one in fields(cls) if one.name in record})
        except (InvalidInput, TypeError) as error:
            raise Damaged("The manifest of the index names budgets that are none; publish with new ones.") from error


@dataclass(frozen=True)
class Measured:
    """Measured figures of one kind of index, with all its rows in it.

    Args:
        kind: of every shard.
        effort: of its searches.
        recall: share of the ten nearest items, by an exact search, that are among its first ten.
        error: standard error of the recall; a budget is met when the recall less the error reaches it.
        query_ms: median milliseconds of a query on one thread.
        bytes: of its files.
        queries: how many were asked.
    """

    kind: str
    effort: Mapping[str, int]
    recall: float
    error: float
    query_ms: float
    bytes: int
    queries: int

    @property
    def recall_lower_bound(self) -> float:
        """Return the recall that other queries will hardly fall below."""
        return self.recall - self.error

    def budget_ratio(self, budget: IndexBudget) -> float:
        """Return the factor by which the worst budget is missed; 1 or less: all are met."""
        spare = max(1.0 - budget.recall, 1e-3)
        excesses = [self.query_ms / budget.query_ms, 1.0 + (budget.recall - self.recall_lower_bound) / spare]
        if budget.max_memory is not None:
            excesses.append(self.bytes / budget.max_memory)
        return max(excesses)

    def to_record(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        return asdict(self)
