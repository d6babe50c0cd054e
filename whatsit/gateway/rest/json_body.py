"""JSON bodies of the studio's calls: models, reading, OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whatsit.gateway.body import read_body
from whatsit.gateway.inference_request import parse_json
from whatsit.gateway.problems import Problem
from whatsit.gateway.rest.context import Context

Reviewer = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=60,
        pattern=r"^[\w .@-]+$",
        description="Name of the person, for the log; with a key the key's name stands before it.",
    ),
]
Why = Annotated[str, Field(max_length=500, description="Words of the reviewer.")]
Number = Annotated[int, Field(ge=0, lt=2**53)]
Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """A body that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class BoxBody(BaseModel):
    """A box with a label; further fields are left out."""

    box: list[float] = Field(min_length=4, max_length=4)
    label: str = Field("", max_length=200)


class VerdictBody(Body):
    """A verdict on one task."""

    task: Number
    verdict: str = Field(max_length=40)
    why: Why = ""
    item: str | None = Field(None, max_length=1000)
    fields: dict[str, Any] | None = None
    boxes: list[BoxBody] = Field([], max_length=500)
    add_picture: bool = False


class DecideBody(Body):
    """Verdicts on tasks of one lease."""

    lease: str = Field(max_length=64)
    decisions: list[VerdictBody] = Field(min_length=1, max_length=200)


class UndoBody(Body):
    """What is taken back: a decision, a run, or a second opinion by task and lease."""

    decision: Number | None = None
    run: Number | None = None
    task: Number | None = None
    lease: str | None = Field(None, max_length=64)


class BatchBody(Body):
    """One verdict on all open tasks in a range of scores."""

    min_score: float = Field(0.0, ge=0, le=1)
    max_score: float = Field(1.0, ge=0, le=1)
    verdict: str = Field(max_length=40)
    left_out: list[Number] = Field([], alias="except", max_length=10_000)
    expected: Number | None = None
    why: Why = ""


class RefreshBody(Body):
    """Options of a refresh."""

    limit: int | None = Field(None, ge=1, le=100_000, description="Of boxes: pictures that are looked at.")


class SampleBody(Body):
    """The share of tasks that two reviewers decide."""

    share: float = Field(ge=0, le=1)


class MappingBody(Body):
    """What the person says of a file; null and {} where it is found out."""

    columns: dict[str, str] | None = Field(None, description='Field -> column, such as {"title": "Bezeichnung"}.')
    attributes: list[str] = Field([], max_length=1000, description="Columns that are no field, whatever their names.")
    encoding: str | None = Field(None, max_length=40)
    decimal: str | None = Field(None, pattern=r"^[.,]$")
    publish: bool = False


BODIES: tuple[type[BaseModel], ...] = (DecideBody, UndoBody, BatchBody, RefreshBody, SampleBody, MappingBody)


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a route's JSON body."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def read_model(request: Request, context: Context, model: type[Model]) -> Model:
    """Read a JSON body; an empty one is {}.

    Raises:
        Problem: 422 where a field is refused, 415 where it is no JSON.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await read_body(request, context.gateway.settings.limits.body_bytes)
    if kind not in ("application/json", "text/plain", ""):  # beacons of closing pages are plain text
        raise Problem(415, f"This call takes application/json, not {kind[:60]}.")
    try:
        return model.model_validate(parse_json(body or b"{}"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise Problem(422, f"{place[:60]} is refused: {first['msg']}.") from error
