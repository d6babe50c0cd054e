"""Routes of the server itself: health, metrics, catalogues, state."""

from __future__ import annotations

import json
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import generate_latest
from whatsit_client import catalogue_calls

from whatsit.gateway import metrics
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import responses
from whatsit.gateway.rest import schemas
from whatsit.gateway.rest.context import Context, Gateway

router = APIRouter(tags=["server"])
catalogue_router = APIRouter(tags=["server"])


@router.get(
    "/healthz", response_model=schemas.Health, responses={503: {"model": schemas.Health, "description": "Not ready"}}
)
async def health(request: Request) -> Response:
    """Tell whether the server is live, and ready, degraded or starting."""
    gateway: Gateway = request.app.state.gateway
    told = _state(gateway)
    ready = await gateway.inference.upstream.is_ready()
    state = ("degraded" if told.get("state") == "degraded" else "ready") if ready else "starting"
    body = {"live": True, "state": state, "reason": str(told.get("reason", "")) if state != "ready" else ""}
    return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json")


@router.head("/healthz", include_in_schema=False)
async def health_status(request: Request) -> Response:
    """Return the status of `health` alone."""
    return Response(status_code=(await health(request)).status_code)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses()},
)
async def prometheus(request: Request) -> Response:
    """Return the metrics of the gateway and of Triton for Prometheus."""
    request.state.caller.check(Role.ADMIN)
    gateway: Gateway = request.app.state.gateway
    text = generate_latest(metrics.REGISTRY)
    if gateway.settings.upstream_metrics:
        text += await gateway.inference.upstream.fetch(gateway.settings.upstream_metrics)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/catalogues", response_model=schemas.CatalogueList, responses=responses())
async def catalogues(request: Request) -> Any:
    """List the catalogues that the caller's key opens."""
    gateway: Gateway = request.app.state.gateway
    opened = request.state.caller.catalogues
    names = gateway.catalogues.names()
    return {"catalogues": [{"name": n, "default": n == names[0]} for n in names if not opened or n in opened]}


@catalogue_router.get("/session", response_model=schemas.Session, responses=responses(404))
async def session(request: Request) -> Any:
    """Return what the caller may do here."""
    context = Context.of(request)
    names, opened = context.gateway.catalogues.names(), context.caller.catalogues
    settings = context.gateway.settings
    return {
        "role": context.caller.role.name.lower(),
        "key": context.caller.name,
        "collect": settings.collect,
        "catalogue": context.catalogue,
        "catalogues": [name for name in names if not opened or name in opened],
        "items": await context.read(context.reader.count()),
        "body_bytes": settings.limits.body_bytes,
    }


@catalogue_router.get("/stats", response_model=schemas.StatsModel, responses=responses(404))
async def stats(request: Request) -> Any:
    """Return the state of the catalogue."""
    context = Context.of(request)
    call = catalogue_calls.stats()
    found = await context.call(call)
    return {name: getattr(found, name) for name in schemas.StatsModel.model_fields}


def _state(gateway: Gateway) -> dict[str, Any]:
    file = gateway.settings.state_file
    try:
        return dict(json.loads(file.read_text())) if file else {}
    except (OSError, ValueError):
        return {}
