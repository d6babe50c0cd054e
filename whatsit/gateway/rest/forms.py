"""Multipart forms, from bodies that were read within limits."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request as PlainRequest
from starlette.types import Message

from whatsit.gateway.problems import Problem


async def read_form(request: Request, body: bytes) -> FormData:
    """Parse a multipart body of at most four files and sixteen fields.

    Raises:
        Problem: 400 where it is no form.
    """

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return await PlainRequest(request.scope, receive).form(max_files=4, max_fields=16, max_part_size=1 << 20)
    except (MultiPartException, KeyError, ValueError, AssertionError) as error:
        raise Problem(400, f"The form cannot be read ({str(error)[:100]}).") from error
    except Exception as error:
        if getattr(error, "status_code", None) == 400:  # Starlette makes its own error of a broken form
            raise Problem(400, f"The form cannot be read ({str(getattr(error, 'detail', ''))[:100]}).") from error
        raise
