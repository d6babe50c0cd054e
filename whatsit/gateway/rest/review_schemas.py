"""Replies of the studio's calls, for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from whatsit.gateway.rest.schemas import ItemModel

JobState = Literal["running", "done", "failed", "stopped"]


class JobModel(BaseModel):
    """A job and how far it is."""

    job: int
    kind: str
    queue: str = Field(description="The queue, or the import.")
    state: JobState
    done: int
    total: int = Field(description="0 while it is not known.")
    note: str
    who: str
    started: str
    finished: str | None = None
    error: str | None = None
    report: dict[str, Any] | None = None


class QueueModel(BaseModel):
    """A queue with its counts."""

    queue: str
    open: int
    leased: int = Field(description="Of the open ones those that somebody has now.")
    decided: int
    sample: int
    disputed: int
    verdicts: list[str]
    filled: str | None = None
    job: JobModel | None = None


class QueueList(BaseModel):
    """All queues."""

    queues: list[QueueModel]
    sample: float = Field(description="Share of tasks that two reviewers decide.")


class Sample(BaseModel):
    """The share of tasks that two reviewers decide."""

    share: float


class PictureModel(BaseModel):
    """A picture of an item."""

    item: ItemModel | None
    sha256: str
    image: str
    width: float | None = None
    height: float | None = None


class PhotoModel(BaseModel):
    """A photo of a visitor who agreed that it is kept."""

    photo: str
    image: str
    crop: str
    box: list[float] | None = None
    made: str
    kind: str


class Proposal(BaseModel):
    """An item that a photo may show."""

    item: ItemModel
    score: float


class TaskModel(BaseModel):
    """What a reviewer decides; which fields there are depends on the queue."""

    task: int
    queue: str
    score: float
    sample: bool
    reason: str
    figures: dict[str, float]
    verdicts: list[str]
    first: PictureModel | ItemModel | str | None = None
    second: PictureModel | ItemModel | None = None
    last: str | None = None
    others: list[PictureModel] | None = None
    first_pictures: list[PictureModel] | None = None
    second_pictures: list[PictureModel] | None = None
    denied: bool | None = None
    boxes: list[dict[str, Any]] | None = None
    labels: list[str] | None = None
    crops: list[list[float]] | None = Field(None, description="Regions that visitors cropped, [x1,y1,x2,y2] each.")
    photo: PhotoModel | None = None
    photos: list[PhotoModel] | None = None
    searches: int | None = None
    proposals: list[Proposal] | None = None


class LeaseModel(BaseModel):
    """Tasks that this reviewer has until the lease ends."""

    lease: str
    expires: str
    seconds: float
    open: int
    tasks: list[TaskModel]


class Renewed(BaseModel):
    """A lease that lasts longer."""

    lease: str
    expires: str
    seconds: float
    tasks: list[int]


class Returned(BaseModel):
    """How many tasks others may have now."""

    returned: int


class ResultModel(BaseModel):
    """What became of one verdict."""

    task: int
    outcome: Literal["decided", "second", "skipped", "repeated", "lost", "gone", "refused"]
    decision: int | None = None
    undo: bool
    detail: str = ""


class Decided(BaseModel):
    """What became of the verdicts."""

    results: list[ResultModel]
    open: int


class Bin(BaseModel):
    """A range of scores."""

    low: float = Field(alias="from")
    to: float
    open: int
    decided: int


class Histogram(BaseModel):
    """Tasks by score."""

    bins: list[Bin]


class Batch(BaseModel):
    """Tasks in a range of scores."""

    count: int
    tasks: list[TaskModel]


class BatchDecided(BaseModel):
    """The outcome of one verdict on many tasks."""

    decided: int
    run: int | None
    left: int
    gone: int


class Undone(BaseModel):
    """What was taken back."""

    decision: int | None = None
    run: int | None = None
    undone: int | None = None
    queue: str | None = None
    task: int | None = None
    lease: str | None = None
    expires: str | None = None
    seconds: float | None = None
    task_record: TaskModel | None = None


class LoggedModel(BaseModel):
    """An entry of the decision log."""

    number: int
    run: int
    made: str
    who: str
    command: str
    queue: str
    verdict: str
    item: str
    sha256: str | None = None
    other_item: str | None = None
    other_sha256: str | None = None
    reason: str
    why: str
    figures: dict[str, float]
    undone: str | None = None
    undoable: bool
    task: int | None = None


class LoggedPage(BaseModel):
    """A page of the decision log."""

    decisions: list[LoggedModel]
    total: int
    next: str | None = None


class VoteModel(BaseModel):
    """A vote on a task."""

    who: str
    verdict: str
    made: str


class Disputed(BaseModel):
    """A task on which two reviewers differ."""

    task: int
    votes: list[VoteModel]


class PairAgreement(BaseModel):
    """The agreement of two people."""

    reviewers: list[str]
    both: int
    same: int
    agreement: float | None = None
    kappa: float | None = Field(None, description="Cohen's kappa; null where it is not defined.")


class QueueAgreement(BaseModel):
    """The agreement in one queue."""

    queue: str
    sample: int
    both: int
    same: int
    agreement: float | None = None
    kappa: float | None = None
    pairs: list[PairAgreement]
    disputed: list[Disputed]


class AgreementList(BaseModel):
    """The agreement in each queue."""

    queues: list[QueueAgreement]
