"""Files of the page: `client/web`, read once, compressed, sent with ETags."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PREFIX = "/web"
_ROOT = {
    "/": "index.html",
    "/studio": "studio/index.html",
    "/service-worker.js": "service-worker.js",
    "/manifest.webmanifest": "manifest.webmanifest",
}
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
PATHS = frozenset(_ROOT)


@dataclass(frozen=True)
class PageFile:
    """One file as it is sent.

    Args:
        data: as it is.
        packed: with gzip; None where that makes it no smaller.
        kind: media type.
        etag: of its content.
    """

    data: bytes
    packed: bytes | None
    kind: str
    etag: str


def page_folder() -> Path | None:
    """Return the page's folder in a wheel or a checkout; None for none."""
    package = Path(str(files("whatsit")))
    places = (package / "assets" / "web", package.resolve().parent / "client" / "web")
    return next((place for place in places if (place / "index.html").is_file()), None)


def page_routes() -> list[Route]:
    """Return the routes of the page's files."""
    folder = page_folder()
    if folder is None:
        return []
    known = {
        f"{PREFIX}/{path.relative_to(folder).as_posix()}": _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _KINDS and path.is_file()
    }
    known |= {path: known[f"{PREFIX}/{name}"] for path, name in _ROOT.items() if f"{PREFIX}/{name}" in known}

    async def answer(request: Request) -> Response:
        file = known[request.url.path]
        return _reply(request, file)

    return [Route(path, answer, methods=["GET", "HEAD"], include_in_schema=False) for path in known]


def _read(path: Path) -> PageFile:
    data = path.read_bytes()
    packed = gzip.compress(data, 9, mtime=0)
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return PageFile(data, packed if len(packed) < len(data) else None, _KINDS[path.suffix], etag)


def _reply(request: Request, file: PageFile) -> Response:
    headers = {"etag": file.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "content-encoding": "gzip"}, media_type=file.kind)
    return Response(file.data, headers=headers, media_type=file.kind)
