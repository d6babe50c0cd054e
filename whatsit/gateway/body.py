"""Bodies of requests, read within limits."""

from __future__ import annotations

import zlib

from starlette.requests import ClientDisconnect, Request

from whatsit.gateway.problems import Problem

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def read_body(request: Request, most: int) -> bytes:
    """Return the body, decompressed.

    Args:
        request: whose body was not read yet.
        most: bytes, before and after decompression.

    Raises:
        Problem: 413 where it is larger, 415 for another encoding than gzip and deflate, 400 for a damaged one.
    """
    too_large = Problem(413, f"The body is larger than {most} bytes: send a smaller picture.", {"connection": "close"})
    stated = request.headers.get("content-length")
    if stated is not None and int(stated) > most:
        raise too_large
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise too_large
            parts.append(part)
    except ClientDisconnect as error:
        raise Problem(400, "The connection ended amid the body.") from error
    body = b"".join(parts)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding not in _WINDOWS:
        raise Problem(415, f"The encoding '{encoding[:40]}' is not read: send gzip, deflate or none.")
    return _decompressed(body, _WINDOWS[encoding], most, too_large)


def _decompressed(body: bytes, window: int, most: int, too_large: Problem) -> bytes:
    stream = zlib.decompressobj(window)
    try:
        text = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise Problem(400, f"The compressed body is damaged ({error}).") from error
    if len(text) > most:
        raise too_large
    if not stream.eof:
        raise Problem(400, "The compressed body is cut off.")
    if stream.unused_data:
        raise Problem(400, "More bytes follow the compressed body.")
    return text
