"""Routes of the decision log: list, undo; photos of visitors for reviewers."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision_log import LoggedDecision
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.task_decisions import Undone
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import Problem, responses
from whatsit.gateway.rest import review_schemas as schemas
from whatsit.gateway.rest.context import Context
from whatsit.gateway.rest.json_body import Reviewer, UndoBody, body_of, read_model
from whatsit.gateway.rest.review_queues import reply, shown_lease
from whatsit.gateway.visitor_photos import read_photo

router = APIRouter(tags=["review"])
_SECONDS = 300.0

Text = Annotated[str | None, Query(max_length=1000)]


@router.post(
    "/review/undo",
    response_model=schemas.Undone,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(UndoBody),
)
async def undo(request: Request, reviewer: Reviewer = None) -> Response:
    """Take a decision, a run of decisions or a second opinion back.

    A single task is leased to this reviewer again.
    """
    context = Context.of(request, Role.EDIT)
    who = context.who(reviewer)
    body = await read_model(request, context, UndoBody)
    if (body.decision, body.run, body.task).count(None) != 2 or (body.task is None) != (body.lease is None):
        raise Problem(422, "Name one of decision, run, or task with its lease.")

    def work(review: Review) -> dict[str, Any]:
        try:
            if body.run is not None:
                return {"run": body.run, "undone": review.decisions.undo_run(body.run, who)}
            if body.decision is not None:
                return _undone(review, context, review.decisions.undo(body.decision, who, _SECONDS))
            assert body.task is not None  # of three one is given
            taken = review.decisions.undo_second(body.task, body.lease or "", who, _SECONDS)
            return _undone(review, context, taken)
        except InvalidInput as error:
            raise Problem(404, str(error)) from error

    return reply(await context.read(context.writer.run(work)))


@router.get("/review/decisions", response_model=schemas.LoggedPage, responses=responses(404, 409, 422))
async def decisions(
    request: Request,
    item: Text = None,
    queue: Annotated[str | None, Query(max_length=40)] = None,
    who: Text = None,
    run: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    standing: Annotated[bool, Query(description="Only those in force.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, lt=2**53)] = 0,
) -> Response:
    """List decisions of people and of cleanings, the latest first."""
    context = Context.of(request, Role.EDIT)
    wanted: dict[str, Any] = {"run": run, "item": item, "step": queue, "who": who, "standing": standing}

    def work(review: Review) -> tuple[list[LoggedDecision], int]:
        return review.log.read(limit, offset=offset, **wanted), review.log.total(**wanted)

    found, total = await context.read(context.writer.run(work))
    following = None
    if offset + limit < total:
        asked = {"item": item, "queue": queue, "who": who, "run": run, "limit": limit, "offset": offset + limit}
        given = {name: value for name, value in asked.items() if value is not None}
        given |= {"standing": "true"} if standing else {}
        following = f"{context.prefix}/review/decisions?{urlencode(given)}"
    return reply({"decisions": [logged(one) for one in found], "total": total, "next": following})


@router.get(
    "/review/photos/{photo}",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **responses(404, 409, 422),
    },
)
async def photo(
    request: Request,
    photo: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The photo's token.")],
    side: Annotated[int, Query(ge=16, le=2048, description="Longest side.")] = 800,
    crop: Annotated[bool, Query(description="Only the region that was searched.")] = False,
) -> Response:
    """Return a photo that a visitor agreed to keep."""
    context = Context.of(request, Role.EDIT)
    data = await context.read(context.writer.run(lambda review: read_photo(review.store, photo, side, crop)))
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=300"})


def logged(one: LoggedDecision) -> dict[str, Any]:
    """Return an entry of the log as the API shows it."""
    record = one.to_record()
    del record["settings"]
    step = record.pop("step")
    undoable = one.undone is None and one.decision.verdict not in ("kept", "reported")
    return {**record, "queue": step, "undoable": undoable}


def _undone(review: Review, context: Context, taken: Undone) -> dict[str, Any]:
    if taken.lease is None:
        return {"decision": taken.decision}
    shown = shown_lease(review, context, taken.lease, _SECONDS)
    (task,) = shown.pop("tasks")
    return {"decision": taken.decision, "queue": task["queue"], "task": task["task"], **shown, "task_record": task}
