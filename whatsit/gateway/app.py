"""The gateway's ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from whatsit_client.errors import WhatsitError
from whatsit_client.version import __version__

from whatsit.gateway.access import Access
from whatsit.gateway.audit import AuditLog
from whatsit.gateway.child_jobs import ChildJobs
from whatsit.gateway.guard import DOCS_FILES, FAILED, Guard, refusal
from whatsit.gateway.inference import Inference
from whatsit.gateway.page_files import page_routes
from whatsit.gateway.pair_routing import PairRouter
from whatsit.gateway.problems import Problem, ProblemDetails
from whatsit.gateway.rest import (
    imports,
    items,
    pictures,
    review_decisions,
    review_queues,
    studio_overview,
    system,
)
from whatsit.gateway.rest.context import Gateway
from whatsit.gateway.rest.json_body import BODIES
from whatsit.gateway.rest.schemas import ItemFieldsModel
from whatsit.gateway.search_counter import SearchCounter
from whatsit.gateway.served_catalogues import ServedCatalogues
from whatsit.gateway.settings import Settings
from whatsit.gateway.triton_grpc import TritonService, start_grpc
from whatsit.gateway.triton_http import TritonRoutes
from whatsit.gateway.upstream import Upstream

_DESCRIPTION = "Visual search on your own catalogue: post a picture, get what it is and which of your items it is."


def build_app(settings: Settings, grpc_port: int | None = None) -> Guard:
    """Return the application.

    Args:
        settings: of the gateway.
        grpc_port: of Triton's gRPC protocol; None leaves it out.

    Raises:
        WhatsitError: keys or logs cannot be read or written.
    """
    access = Access(settings)
    upstream = Upstream(
        settings.upstream,
        settings.upstream_headers,
        settings.hold_seconds,
        settings.limits.request_seconds,
        settings.limits.upstream,
    )
    catalogues = ServedCatalogues(settings)
    pairs = PairRouter(settings.pairs_file)
    inference = Inference(catalogues, upstream, access, AuditLog(settings.audit_log), pairs)
    jobs, searches = ChildJobs(), SearchCounter(catalogues)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await upstream.open()
        server = None
        if grpc_port is not None:
            server = await start_grpc(settings, TritonService(inference, access), grpc_port)
        searches.start()
        yield
        if server is not None:
            await server.stop(grace=2.0)
        await searches.stop()
        jobs.stop()
        await upstream.close()

    app = FastAPIOffline(  # serves the scripts of /docs itself
        redoc_url=None,
        static_url=DOCS_FILES,
        title="Whatsit",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
    )
    app.state.gateway = Gateway(settings, inference, catalogues, jobs, searches)
    app.include_router(system.router)
    for prefix in ("/v1", "/v1/c/{catalogue}"):
        for routes in (pictures, items, review_decisions, review_queues, studio_overview, imports):
            app.include_router(routes.router, prefix=prefix, include_in_schema=prefix == "/v1")
        app.include_router(system.catalogue_router, prefix=prefix, include_in_schema=prefix == "/v1")
    app.router.routes.extend(page_routes())
    app.router.routes.extend(TritonRoutes(inference, settings.limits).routes())
    app.add_middleware(CompressedRest, minimum_size=1024)
    _add_error_handlers(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return Guard(app, settings, access)


class CompressedRest(GZipMiddleware):
    """Compresses replies of the REST API alone; the page's files are compressed once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        plain = scope["type"] != "http" or not scope["path"].startswith("/v1")
        await (self.app if plain else super().__call__)(scope, receive, send)


def _add_error_handlers(app: FastAPI) -> None:
    def answer(request: Request, problem: Problem) -> Response:
        return refusal(problem, request.url.path, getattr(request.state, "request_id", ""))

    async def on_problem(request: Request, error: Any) -> Response:
        return answer(request, error)

    async def on_library(request: Request, error: Any) -> Response:
        return answer(request, Problem.of(error))

    async def on_validation(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return answer(request, Problem(422, f"{place[:60]} is refused: {first['msg']}."))

    async def on_http(request: Request, error: Any) -> Response:
        sentence = "There is nothing at this path." if error.status_code == 404 else str(error.detail)
        return answer(request, Problem(error.status_code, sentence, dict(error.headers or {})))

    async def on_failure(request: Request, error: Any) -> Response:
        return answer(request, Problem(500, FAILED))

    app.add_exception_handler(Exception, on_failure)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(WhatsitError, on_library)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = schema["components"]["schemas"]
        for model in (ProblemDetails, ItemFieldsModel):
            schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        for body in BODIES:
            described = body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(described.pop("$defs", {}))
            schemas[body.__name__] = described
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"key": []}]
        app.openapi_schema = schema
    return app.openapi_schema
