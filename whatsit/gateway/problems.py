"""Errors of the gateway as problem details (RFC 9457)."""

from __future__ import annotations

import http
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response
from whatsit_client.errors import InvalidInput, TimedOut, Unavailable, WhatsitError


class ProblemDetails(BaseModel):
    """The body of every error of `/v1`, media type `application/problem+json`."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what is wrong, with which input, what to do.")
    instance: str | None = Field(default=None, description="The request's id, as in X-Request-Id and the logs.")


class Problem(Exception):  # the name of RFC 9457
    """A refusal with its status.

    Args:
        status: HTTP status.
        detail: one sentence for the caller.
        headers: further headers of the reply.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    @classmethod
    def of(cls, error: WhatsitError) -> Problem:
        """Return the problem for an error of the library."""
        if isinstance(error, InvalidInput):
            return cls(400, str(error))
        if isinstance(error, TimedOut):
            return cls(504, str(error))
        if isinstance(error, Unavailable):
            return cls(503, str(error), {"retry-after": "1"})
        return cls(500, str(error))


def problem_response(problem: Problem, instance: str | None = None) -> Response:
    """Return the reply of a REST call that failed."""
    body = ProblemDetails(
        title=http.HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=instance,
    )
    return Response(
        body.model_dump_json(exclude_none=True),
        problem.status,
        {**problem.headers},
        media_type="application/problem+json",
    )


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a route's refusals."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": http.HTTPStatus(status).phrase, "content": content}
        for status in sorted({400, 401, 403, 405, 408, 413, 421, 429, 431, 500, 503, 504, *statuses})
    }
