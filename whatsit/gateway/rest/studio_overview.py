"""Routes of the overview, and of the history of items."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.backends import index_status
from whatsit.catalogue.review.catalogue_overview import read_changes, read_counts, read_item_history, read_searches
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.serving_pair import serving_network
from whatsit.catalogue.store.click_log import KINDS
from whatsit.catalogue.store.item_history import record_history
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import Problem, responses
from whatsit.gateway.rest import studio_schemas as schemas
from whatsit.gateway.rest.context import Context
from whatsit.gateway.rest.items import ItemId
from whatsit.gateway.rest.json_body import Reviewer
from whatsit.gateway.rest.review_queues import reply

router = APIRouter(tags=["studio"])


@router.get("/overview", response_model=schemas.Overview, responses=responses(404, 409, 422))
async def overview(request: Request, days: Annotated[int, Query(ge=1, le=366)] = 30) -> Response:
    """Return the state of the catalogue: counts, searches by day, changes, queues."""
    context = Context.of(request, Role.EDIT)
    await context.gateway.searches.write()
    folder, models = context.writer.folder, context.writer.models
    today = datetime.now(timezone.utc).date()

    def work(review: Review) -> dict[str, Any]:
        store = review.store
        fingerprint = embedder_fingerprint(serving_network(folder, models))
        return {
            **read_counts(store),
            "searches": read_searches(store, days, today),
            "feedback": {kind: store.clicks.count(kind) for kind in KINDS},
            "index": {**index_status(store, folder, fingerprint), "read_only": False},
            "changes": read_changes(store),
            "review": {"queues": review.queues(), "sample": review.tasks.share},
        }

    return reply(await context.read(context.writer.run(work)))


@router.get("/items/{id}/history", response_model=schemas.History, responses=responses(404, 409, 422))
async def history(request: Request, id: ItemId, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Response:
    """Return the changes of an item, also of a deleted one."""
    context = Context.of(request, Role.EDIT)
    entries = await context.read(context.writer.run(lambda review: read_item_history(review.store, id, limit)))
    if entries is None:
        raise Problem(404, f"The catalogue never had an item '{id[:100]}', or forgot it.")
    return reply({"id": id, "entries": entries, "total": len(entries)})


@router.post("/items/{id}/restore", response_model=schemas.Restored, responses=responses(404, 409, 422))
async def restore(request: Request, id: ItemId, reviewer: Reviewer = None) -> Response:
    """Undo the deletion of an item."""
    context = Context.of(request, Role.EDIT)
    who = context.who(reviewer)

    def work(review: Review) -> None:
        if review.store.fields(id) is not None:
            raise Problem(409, f"The catalogue has an item '{id[:100]}' again.")
        try:
            review.store.deleted.restore([id])
        except InvalidInput as error:
            raise Problem(404, str(error)) from error
        record_history(review.store, id, "restored", who)

    await context.read(context.writer.run(work))
    return reply({"id": id, "outcome": "restored"})
