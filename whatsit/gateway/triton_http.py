"""Triton's HTTP protocol under /v2."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from whatsit_client.errors import WhatsitError

from whatsit.gateway.access import Caller
from whatsit.gateway.body import read_body
from whatsit.gateway.inference import Inference
from whatsit.gateway.inference_request import parse_http
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Limits

_NAME = re.compile(r"[a-z_]{1,40}")
_VERSION = re.compile(r"\d{1,9}")
# Resources that say something and change nothing.
_READABLE = frozenset({"", "config", "stats", "ready"})


class TritonRoutes:
    """Inference, metadata and readiness; everything else of Triton's API is not there.

    Args:
        inference: sends requests.
        limits: of bodies.
    """

    def __init__(self, inference: Inference, limits: Limits) -> None:
        self._inference, self._limits = inference, limits

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/v2/models/{model}/infer", self._infer, methods=["POST"]),
            Route("/v2/models/{model}/versions/{version}/infer", self._infer, methods=["POST"]),
            Route("/v2", self._server),
            Route("/v2/health/{kind}", self._health),
            Route("/v2/models/{model}", self._resource),
            Route("/v2/models/{model}/{resource}", self._resource),
            Route("/v2/models/{model}/versions/{version}", self._resource),
            Route("/v2/models/{model}/versions/{version}/{resource}", self._resource),
            Route("/v2/{rest:path}", self._absent, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]

    async def _infer(self, request: Request) -> Response:
        caller: Caller = request.state.caller
        try:
            length = request.headers.get("inference-header-content-length")
            body = await read_body(request, self._limits.body_bytes)
            model = request.path_params["model"]
            version = request.path_params.get("version", "")
            checked = parse_http(model, body, None if length is None else _whole(length), version)
            reply = await self._inference.infer(caller, checked, request.state.request_id, request.is_disconnected)
        except Problem as problem:
            return _error(problem)
        except WhatsitError as error:
            return _error(Problem.of(error))
        headers = {}
        if reply.header_length is not None:
            headers["inference-header-content-length"] = str(reply.header_length)
        return Response(reply.body, reply.status, headers, media_type=reply.content_type)

    async def _server(self, request: Request) -> Response:
        return await self._forward("/v2")

    async def _health(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in ("live", "ready"):
            return await self._absent(request)
        return await self._forward(f"/v2/health/{kind}")

    async def _resource(self, request: Request) -> Response:
        parts = request.path_params
        model, version, resource = parts["model"], parts.get("version"), parts.get("resource", "")
        named = _NAME.fullmatch(model) and (version is None or _VERSION.fullmatch(version))
        if not named or resource not in _READABLE:
            return await self._absent(request)
        path = f"/v2/models/{model}" + (f"/versions/{version}" if version else "")
        return await self._forward(f"{path}/{resource}" if resource else path)

    async def _forward(self, path: str) -> Response:
        reply = await self._inference.upstream.get(path)
        return Response(reply.body, reply.status, media_type=reply.content_type)

    async def _absent(self, request: Request) -> Response:
        return JSONResponse({"error": "This part of Triton's protocol is closed here."}, 404)


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 12:
        raise Problem(400, "Inference-Header-Content-Length is a number of bytes.")
    return int(text)


def _error(problem: Problem) -> Response:
    return JSONResponse({"error": problem.detail}, problem.status, problem.headers)
