"""What every HTTP request passes: request id, origin, key, log, security headers."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from whatsit_client.errors import WhatsitError

from whatsit.gateway import metrics, page_files
from whatsit.gateway.access import Access, Caller
from whatsit.gateway.audit import JsonLog
from whatsit.gateway.problems import Problem, problem_response
from whatsit.gateway.settings import Settings

_LOG = logging.getLogger(__name__)
FAILED = "The server failed on this request; its log says more."
SLASH = "\ufdd0"  # stands for an encoded slash in a part of a path, such as an item's id: no text holds this code point
DOCS_FILES = "/docs/files"
_OPEN_PATHS = (
    frozenset({"/healthz", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/favicon.ico"}) | page_files.PATHS
)
_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
_SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cross-origin-resource-policy": "same-origin",
}
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data: https:; media-src 'self' blob:; style-src 'self'; "
    "script-src 'self'; "
    "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# The page that FastAPI makes has a script and a style in it.
_DOCS_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "script-src 'self'", "script-src 'self' 'unsafe-inline'"
)
# Only this worker compiles WebAssembly: onnxruntime-web, where `make web-detector` installed it.
_WORKER = "/web/scan/detector-worker.js"
_WORKER_POLICY = _POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
_CORS_HEADERS = (
    "authorization, content-type, content-encoding, if-match, if-none-match, x-request-id, "
    "inference-header-content-length"
)


class Guard:
    """ASGI application around the gateway's own.

    Args:
        app: answers admitted requests; finds the `Caller` and the request's id in the scope's state.
        settings: of the gateway.
        access: admits callers.
    """

    def __init__(self, app: ASGIApp, settings: Settings, access: Access) -> None:
        self._app, self._settings, self._access = app, settings, access
        self._log = JsonLog(settings.access_log)
        self._loopback = is_loopback(settings.host)
        self._bodies = 0  # bytes of the bodies of all requests that are being answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        begin = time.perf_counter()
        id = _request_id(headers)
        state = scope.setdefault("state", {})
        state["request_id"] = id
        status, begun = 500, False

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                self._add_headers(MutableHeaders(scope=message), scope["path"], id, headers.get("origin"))
            await send(message)

        held, streamed = 0, scope["path"].endswith("/imports")  # whose body goes to the disk

        async def count() -> Message:
            nonlocal held
            message = await receive()
            size = len(message.get("body", b""))
            if self._bodies + size > self._settings.limits.bodies_bytes:
                metrics.REFUSED.labels("bodies").inc()
                raise Problem(503, "The server holds more requests than it has memory for.", {"retry-after": "1"})
            if not streamed:
                held += size
                self._bodies += size
            return message

        try:
            response = self._admitted(scope, headers, state)
            await (response or self._app)({**scope, "path": _routed_path(scope)}, count, answer)
        except Problem as problem:
            if not begun:
                await refusal(problem, scope["path"], id)(scope, receive, answer)
        except Exception:
            _LOG.exception("Request %s failed.", id)
            if not begun:
                await refusal(Problem(500, FAILED), scope["path"], id)(scope, receive, answer)
        finally:
            self._bodies -= held
            seconds = time.perf_counter() - begin
            route = _route(scope["path"])
            metrics.REQUESTS.labels("http", route, str(status)).inc()
            metrics.SECONDS.labels(route).observe(seconds)
            self._write(scope, id, status, seconds)

    def _admitted(self, scope: Scope, headers: Headers, state: dict[str, Any]) -> Response | None:
        """Return a refusal, or None for a caller who is let in."""
        path: str = scope["path"]
        try:
            if "\x00" in path or (".." in path.split("/")):
                raise Problem(400, "The path of the request is not allowed.")
            self._check_origin(scope, headers)
            if scope["method"] == "OPTIONS" and "origin" in headers:
                return Response(status_code=204)
            if path in _OPEN_PATHS or path.startswith((f"{DOCS_FILES}/", f"{page_files.PREFIX}/")):
                return None
            address = scope["client"][0] if scope.get("client") else ""
            state["caller"] = self._access.admit(headers.get("authorization") or headers.get("x-api-key"), address)
        except Problem as problem:
            return refusal(problem, path, state["request_id"])
        except WhatsitError as error:
            return refusal(Problem.of(error), path, state["request_id"])
        return None

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Refuse pages of other origins and foreign host names."""
        host = headers.get("host", "")
        if self._loopback and not _names_loopback(host):
            raise Problem(421, "This server answers to a loopback address alone.")
        origin = headers.get("origin")
        own = origin is None or origin.partition("://")[1:] == ("://", host)
        if not own and origin not in self._settings.origins:
            raise Problem(403, "Pages of this origin may not call: add it with --origin.")

    def _add_headers(self, headers: MutableHeaders, path: str, id: str, origin: str | None) -> None:
        for name, value in _SECURITY.items():
            headers.setdefault(name, value)
        policy = _DOCS_POLICY if path.startswith("/docs") else _WORKER_POLICY if path == _WORKER else _POLICY
        headers.setdefault("content-security-policy", policy)
        headers["x-request-id"] = id
        if self._settings.tls_cert:
            headers["strict-transport-security"] = "max-age=31536000"
        if origin in self._settings.origins:
            headers["access-control-allow-origin"] = origin or ""
            headers["access-control-allow-methods"] = "GET, POST, PUT, DELETE, OPTIONS"
            headers["access-control-allow-headers"] = _CORS_HEADERS
            headers["access-control-expose-headers"] = "etag, x-request-id, link, retry-after"
            headers["access-control-max-age"] = "600"
            headers.add_vary_header("origin")

    def _write(self, scope: Scope, id: str, status: int, seconds: float) -> None:
        caller: Caller | None = scope["state"].get("caller")
        self._log.write(
            {
                "request": id,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(1000 * seconds, 2),
                "key": caller.name if caller else "",
                "address": scope["client"][0] if scope.get("client") else "",
            }
        )


def refusal(problem: Problem, path: str, id: str) -> Response:
    """Return the reply to a refused request, in Triton's form under /v2."""
    if path.startswith("/v2"):
        return JSONResponse({"error": problem.detail}, problem.status, problem.headers)
    return problem_response(problem, id)


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on is a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _names_loopback(host: str) -> bool:
    if not host:
        return True
    try:
        return "@" not in host and is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "").replace("-", "").lower()
    if not given and (trace := headers.get("traceparent", "")).count("-") == 3:
        given = trace.split("-")[1]
    return given if _REQUEST_ID.fullmatch(given) and given != "0" * 32 else secrets.token_hex(16)


def _routed_path(scope: Scope) -> str:
    """Return the path in which slashes part it, and encoded ones are `SLASH`."""
    path, raw = str(scope["path"]), scope.get("raw_path", b"").decode("latin-1")
    if not path.startswith("/v1/") or "%2f" not in raw.lower():
        return path
    return "/".join(unquote(part).replace("/", SLASH) for part in raw.split("/"))


def _route(path: str) -> str:
    """Return the first parts of a path: few values, whatever callers ask for."""
    parts = path.strip("/").split("/")
    known = {
        "v1": (
            "identify",
            "items",
            "facets",
            "embed",
            "detect",
            "feedback",
            "session",
            "stats",
            "c",
            "review",
            "overview",
            "imports",
        ),
        "v2": ("models", "health"),
    }
    if parts[0] in known:
        second = parts[1] if len(parts) > 1 and parts[1] in known[parts[0]] else ""
        return f"/{parts[0]}/{second}" if second else f"/{parts[0]}"
    known_first = ("", "healthz", "metrics", "docs", "openapi.json", "studio", "web")
    return f"/{parts[0]}" if parts[0] in known_first else "other"
