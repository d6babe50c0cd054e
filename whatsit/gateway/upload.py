"""Uploaded files, written to the disk as they come."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from whatsit.gateway.problems import Problem


async def form_file(request: Request, limit: int) -> UploadFile:
    """Return the file of a form.

    Raises:
        Problem: 400 where there is none, 413 where the form is too large.
    """
    if int(request.headers.get("content-length", 0)) > limit + (1 << 20):
        raise _too_large(limit)
    try:
        form = await request.form(max_files=1, max_fields=8)
    except (MultiPartException, ClientDisconnect, KeyError, ValueError, AssertionError) as error:
        raise Problem(400, f"The form cannot be read ({str(error)[:100]}).") from error
    except Exception as error:
        if getattr(error, "status_code", None) == 400:  # Starlette makes its own error of a broken form
            raise Problem(400, f"The form cannot be read ({str(getattr(error, 'detail', ''))[:100]}).") from error
        raise
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(400, "The form has no file named file.")
    return file


async def write_file(file: UploadFile, path: Path, limit: int) -> int:
    """Write a form's file to the disk; return its size in bytes.

    Raises:
        Problem: 413 where it is larger than the limit.
    """
    size = 0
    with path.open("wb") as out:
        while part := await file.read(1 << 20):
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            out.write(part)
    return size


async def write_body(request: Request, path: Path, limit: int) -> int:
    """Write a body to the disk as it comes; return its size in bytes.

    Raises:
        Problem: 413 where it is larger than the limit, 400 where it ends early.
    """
    size = 0
    try:
        with path.open("wb") as out:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                out.write(part)
    except ClientDisconnect as error:
        raise Problem(400, "The connection ended amid the file.") from error
    return size


def _too_large(limit: int) -> Problem:
    return Problem(413, f"The file is larger than {limit} bytes: import it in parts.", {"connection": "close"})
