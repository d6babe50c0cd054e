"""Replies of overview, history and imports, for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from whatsit.gateway.rest.review_schemas import JobModel, QueueList
from whatsit.gateway.rest.schemas import StatsModel


class DayCounts(BaseModel):
    """Searches of one day by their answer."""

    day: str
    found: int
    unsure: int
    not_found: int
    not_searched: int


class TotalCounts(BaseModel):
    """Searches of all days by their answer."""

    found: int
    unsure: int
    not_found: int
    not_searched: int


class SearchesModel(BaseModel):
    """Searches by day and in all."""

    days: list[DayCounts]
    total: TotalCounts


class ChangeModel(BaseModel):
    """A change of the catalogue."""

    at: str
    kind: str = Field(description="added, updated, deleted, restored, import or decision.")
    item: str | None = None
    title: str | None = None
    who: str
    text: str


class IndexModel(StatsModel):
    """The state of the index."""


class FeedbackCounts(BaseModel):
    """What visitors said."""

    match: int
    none: int
    crop: int


class Overview(BaseModel):
    """The state of a catalogue for its owner."""

    items: int
    merged: int
    pictures: int
    hidden_pictures: int
    searches: SearchesModel
    feedback: FeedbackCounts
    index: IndexModel
    changes: list[ChangeModel]
    review: QueueList


class HistoryEntry(BaseModel):
    """A change of an item."""

    at: str
    kind: str
    who: str
    text: str
    number: int | None = None
    undoable: bool = False
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class History(BaseModel):
    """The changes of an item, the latest first."""

    id: str
    entries: list[HistoryEntry]
    total: int


class Restored(BaseModel):
    """An item whose deletion was undone."""

    id: str
    outcome: Literal["restored"]


class ImportModel(BaseModel):
    """An uploaded file."""

    token: str = Field(alias="import")
    name: str
    size: int = Field(alias="bytes")
    state: Literal["uploaded", "running", "done", "failed", "stopped"]
    who: str
    made: str
    options: dict[str, Any]
    preview: dict[str, Any] | None = None
    problem: str | None = None
    job: JobModel | None = None
    report: dict[str, Any] | None = None


class ImportList(BaseModel):
    """The latest imports."""

    imports: list[ImportModel]
