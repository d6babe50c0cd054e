"""Routes of the review queues: counts, leases, verdicts, refreshes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.review.queues import QUEUES
from whatsit.catalogue.review.task_decisions import Changed
from whatsit.catalogue.review.task_leases import Lease
from whatsit.catalogue.review.task_subjects import SubjectReader
from whatsit.catalogue.review.verdict_effects import Verdict
from whatsit.catalogue.store.job_table import Job
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import Problem, responses
from whatsit.gateway.rest import review_schemas as schemas
from whatsit.gateway.rest.context import Context
from whatsit.gateway.rest.json_body import (
    BatchBody,
    DecideBody,
    RefreshBody,
    Reviewer,
    SampleBody,
    body_of,
    read_model,
)

router = APIRouter(tags=["review"])

QueueName = Annotated[str, Path(description=f"One of {', '.join(QUEUES)}.")]
Token = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of a lease.")]
JobNumber = Annotated[int, Path(ge=0, lt=2**53)]
Seconds = Annotated[float, Query(ge=10, le=3600, description="That the lease lasts.")]
Score = Annotated[float, Query(ge=0, le=1)]
REFRESH_JOB = "whatsit.catalogue.review.refresh_job"


@router.get("/review", response_model=schemas.QueueList, responses=responses(404, 409))
async def queues(request: Request) -> Response:
    """List the review queues with their counts."""
    context = Context.of(request, Role.EDIT)
    found, share = await context.read(context.writer.run(lambda review: (review.queues(), review.tasks.share)))
    return reply({"queues": found, "sample": share})


@router.put(
    "/review/sample",
    response_model=schemas.Sample,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(SampleBody),
)
async def set_sample(request: Request) -> Response:
    """Set the share of tasks that two reviewers decide."""
    context = Context.of(request, Role.EDIT)
    body = await read_model(request, context, SampleBody)
    await context.read(context.writer.run(lambda review: review.tasks.set_share(body.share)))
    return reply({"share": body.share})


@router.get("/review/agreement", response_model=schemas.AgreementList, responses=responses(404, 409, 422))
async def agreement(request: Request, queue: Annotated[str | None, Query(max_length=40)] = None) -> Response:
    """Return how far reviewers agree on the tasks that two of them decided."""
    context = Context.of(request, Role.EDIT)
    name = None if queue is None else known(queue)
    return reply({"queues": await context.read(context.writer.run(lambda review: review.agreement(name)))})


@router.post("/review/leases/{lease}/renew", response_model=schemas.Renewed, responses=responses(404, 409, 422))
async def renew(request: Request, lease: Token, seconds: Seconds = 300) -> Response:
    """Let a lease last longer."""
    context = Context.of(request, Role.EDIT)
    held = await context.read(context.writer.run(lambda review: review.leases.renew(lease, seconds)))
    return reply({**_lease(held, seconds), "tasks": [task.task for task in held.tasks]})


@router.post("/review/leases/{lease}/return", response_model=schemas.Returned, responses=responses(404, 409, 422))
async def give_back(request: Request, lease: Token) -> Response:
    """End a lease: others get its tasks at once."""
    context = Context.of(request, Role.EDIT)
    return reply({"returned": await context.read(context.writer.run(lambda review: review.leases.give_back(lease)))})


@router.get("/review/jobs/{job}", response_model=schemas.JobModel, responses=responses(404, 409, 422))
async def job(request: Request, job: JobNumber) -> Response:
    """Return how far a refresh or an import is."""
    context = Context.of(request, Role.EDIT)
    return reply(found_job(await context.read(context.writer.run(lambda review: review.jobs.get(job)))))


@router.post("/review/jobs/{job}/stop", response_model=schemas.JobModel, responses=responses(404, 409, 422))
async def stop_job(request: Request, job: JobNumber) -> Response:
    """Stop a refresh or an import; what it did stays."""
    context = Context.of(request, Role.EDIT)

    def stop(review: Review) -> Job | None:
        review.jobs.stop(job)
        return review.jobs.get(job)

    return reply(found_job(await context.read(context.writer.run(stop))))


@router.post("/review/{queue}/lease", response_model=schemas.LeaseModel, responses=responses(404, 409, 422))
async def lease(
    request: Request,
    queue: QueueName,
    reviewer: Reviewer = None,
    count: Annotated[int, Query(ge=1, le=100)] = 10,
    seconds: Seconds = 300,
    order: Annotated[
        Literal["score", "doubt", "random"], Query(description="Surest first, most doubtful first, or random.")
    ] = "score",
    lease: Annotated[
        str | None,
        Query(
            pattern="^[0-9a-f]{32}$",
            description="Names the lease, so that who leaves before the answer comes can give it back.",
        ),
    ] = None,
) -> Response:
    """Give this reviewer tasks that nobody else has."""
    context = Context.of(request, Role.EDIT)
    name, who = known(queue), context.who(reviewer)

    def work(review: Review) -> dict[str, Any]:
        held = review.leases.lease(name, who, count, seconds, order, lease)
        return {**shown_lease(review, context, held, seconds), "open": held.open}

    return reply(await context.read(context.writer.run(work)))


@router.post(
    "/review/{queue}/decide",
    response_model=schemas.Decided,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(DecideBody),
)
async def decide(request: Request, queue: QueueName, reviewer: Reviewer = None) -> Response:
    """Decide tasks of a lease; a repeated call changes nothing."""
    context = Context.of(request, Role.EDIT)
    name, who = known(queue), context.who(reviewer)
    body = await read_model(request, context, DecideBody)
    verdicts = [
        Verdict(
            one.task,
            one.verdict,
            one.why,
            one.item,
            one.fields,
            tuple(box.model_dump() for box in one.boxes),
            one.add_picture,
        )
        for one in body.decisions
    ]

    def work(review: Review) -> dict[str, Any]:
        results = review.decisions.decide(name, body.lease, who, verdicts)
        left = next(counts["open"] for counts in review.tasks.counts(review.clock()) if counts["queue"] == name)
        return {"results": [one.to_record() for one in results], "open": left}

    return reply(await context.read(context.writer.run(work)))


@router.get("/review/{queue}/scores", response_model=schemas.Histogram, responses=responses(404, 409, 422))
async def scores(request: Request, queue: QueueName) -> Response:
    """Count tasks by score."""
    context = Context.of(request, Role.EDIT)
    name = known(queue)
    return reply({"bins": await context.read(context.writer.run(lambda review: review.tasks.scores(name)))})


@router.get("/review/{queue}/batch", response_model=schemas.Batch, responses=responses(404, 409, 422))
async def look_at_batch(
    request: Request,
    queue: QueueName,
    min_score: Score = 0.0,
    max_score: Score = 1.0,
    limit: Annotated[int, Query(ge=1, le=500)] = 60,
) -> Response:
    """Show the open tasks in a range of scores that nobody holds."""
    context = Context.of(request, Role.EDIT)
    name = known(queue)

    def work(review: Review) -> dict[str, Any]:
        count, tasks = review.tasks.open_between(name, min_score, max_score, review.clock(), limit)
        subjects = SubjectReader(review.store, context)
        return {"count": count, "tasks": [subjects.show(task) for task in tasks]}

    return reply(await context.read(context.writer.run(work)))


@router.post(
    "/review/{queue}/batch",
    response_model=schemas.BatchDecided,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(BatchBody),
)
async def decide_batch(request: Request, queue: QueueName, reviewer: Reviewer = None) -> Response:
    """Give one verdict to all open tasks in a range of scores."""
    context = Context.of(request, Role.EDIT)
    name, who = known(queue), context.who(reviewer)
    body = await read_model(request, context, BatchBody)
    verdict = Verdict(0, body.verdict, body.why)
    if body.verdict in QUEUES[name].needing or body.verdict not in QUEUES[name].verdicts:
        raise Problem(422, f"'{body.verdict[:40]}' cannot be given to many tasks of the queue {name} at once.")

    def work(review: Review) -> dict[str, Any]:
        try:
            run, decided, gone = review.decisions.decide_range(
                name, who, verdict, body.min_score, body.max_score, frozenset(body.left_out), body.expected
            )
        except Changed as error:
            raise Problem(409, str(error)) from error
        return {"decided": decided, "run": run, "left": len(body.left_out), "gone": gone}

    return reply(await context.read(context.writer.run(work)))


@router.post(
    "/review/{queue}/refresh",
    status_code=202,
    response_model=schemas.JobModel,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(RefreshBody),
)
async def refresh(request: Request, queue: QueueName, reviewer: Reviewer = None) -> Response:
    """Fill a queue in a process of its own; one that runs goes on."""
    context = Context.of(request, Role.EDIT)
    name, who = known(queue), context.who(reviewer)
    body = await read_model(request, context, RefreshBody)
    writer, jobs = context.writer, context.gateway.jobs

    def work(review: Review) -> Job | None:
        opened, new = review.jobs.open("refresh", name, who)
        if new:
            given = {"folder": str(writer.folder), "models": str(writer.models), "queue": name, "limit": body.limit}
            review.jobs.take(opened.job, jobs.start(REFRESH_JOB, {**given, "job": opened.job}))
        return review.jobs.get(opened.job)

    return reply(found_job(await context.read(writer.run(work))), 202)


def known(queue: str) -> str:
    """Return the name of a queue; raise 404 where there is none."""
    if queue not in QUEUES:
        raise Problem(404, f"There is no review queue '{queue[:60]}'; the queues are {', '.join(QUEUES)}.")
    return queue


def found_job(job: Job | None) -> dict[str, Any]:
    """Return a job's record; raise 404 for None."""
    if job is None:
        raise Problem(404, "There is no job of this number.")
    return job.to_record()


def shown_lease(review: Review, context: Context, lease: Lease, seconds: float) -> dict[str, Any]:
    """Return a lease with its tasks as they are shown."""
    subjects = SubjectReader(review.store, context)
    return {**_lease(lease, seconds), "tasks": [subjects.show(task) for task in lease.tasks]}


def reply(record: Any, status: int = 200) -> Response:
    """Return a JSON reply."""
    return Response(orjson.dumps(record), status, media_type="application/json")


def _lease(lease: Lease, seconds: float) -> dict[str, Any]:
    until = datetime.fromtimestamp(lease.until, timezone.utc).isoformat(timespec="seconds")
    return {"lease": lease.token, "expires": until, "seconds": seconds}
