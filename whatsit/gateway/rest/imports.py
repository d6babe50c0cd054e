"""Routes of imports: upload a file, look at it, run it, read the report."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.ingest.import_files import SKIPPED, ImportFile, ImportFiles
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.gateway.catalogue_writer import CatalogueWriter
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import Problem, responses
from whatsit.gateway.rest import studio_schemas as schemas
from whatsit.gateway.rest.context import Context
from whatsit.gateway.rest.json_body import MappingBody, Reviewer, body_of, read_model
from whatsit.gateway.rest.review_queues import reply
from whatsit.gateway.upload import form_file, write_body, write_file

router = APIRouter(tags=["imports"])
Value = TypeVar("Value")
IMPORT_JOB = "whatsit.catalogue.ingest.import_job"
_PREVIEW_SECONDS = 120.0
_PROGRAM = f"import sys; del sys.path[0]; from {IMPORT_JOB} import main; sys.exit(main())"

Token = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of the import.")]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file itself, or a form with the field file.",
        "content": {
            "application/octet-stream": _BINARY,
            "text/csv": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}


@router.post(
    "/imports",
    status_code=201,
    response_model=schemas.ImportModel,
    responses=responses(404, 409, 415, 422),
    openapi_extra=_FILE,
)
async def upload(
    request: Request,
    name: Annotated[
        str | None, Query(min_length=1, max_length=500, description="Of the file, with its ending.")
    ] = None,
    reviewer: Reviewer = None,
) -> Response:
    """Upload a file, and return what is understood of it."""
    context = Context.of(request, Role.EDIT)
    await context.writer.run(lambda review: None)  # a catalogue that may not be changed is refused before the body
    files = ImportFiles(context.writer.folder)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    limit = context.gateway.settings.limits.import_bytes
    file: UploadFile | None = None
    if kind == "multipart/form-data":
        file = await form_file(request, limit)
        name = file.filename or name
    if not name:
        raise Problem(422, "Name the file: add ?name=products.csv to the address.")
    one, path = files.begin(name, context.who(reviewer))
    try:
        size = await write_file(file, path, limit) if file else await write_body(request, path, limit)
        if not size:
            raise Problem(400, "The file is empty.")
        one = files.save(ImportFile(one.token, one.name, size, one.made, one.who))
    except BaseException:
        files.remove(one.token)
        raise
    await context.read(_in_thread(context, lambda: _look(context.writer, one)))
    return reply(await _shown(context, files, one), 201)


@router.get("/imports", response_model=schemas.ImportList, responses=responses(404, 409, 422))
async def imports(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> Response:
    """List the latest imports."""
    context = Context.of(request, Role.EDIT)
    files = ImportFiles(context.writer.folder)
    found = await context.read(_in_thread(context, lambda: files.latest(limit)))
    return reply({"imports": [await _shown(context, files, one, brief=True) for one in found]})


@router.get("/imports/{id}", response_model=schemas.ImportModel, responses=responses(404, 409, 422))
async def get_import(request: Request, id: Token) -> Response:
    """Return an import: its preview, how far it is, its report."""
    context = Context.of(request, Role.EDIT)
    files, one = _found(context, id)
    return reply(await _shown(context, files, one))


@router.post(
    "/imports/{id}/preview",
    response_model=schemas.ImportModel,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(MappingBody),
)
async def preview(request: Request, id: Token) -> Response:
    """Return what is understood of a file with this mapping."""
    context = Context.of(request, Role.EDIT)
    files, one = _found(context, id)
    changed = _mapped(files, one, await read_model(request, context, MappingBody))
    await context.read(_in_thread(context, lambda: _look(context.writer, changed)))
    return reply(await _shown(context, files, changed))


@router.post(
    "/imports/{id}/run",
    status_code=202,
    response_model=schemas.ImportModel,
    responses=responses(404, 409, 415, 422),
    openapi_extra=body_of(MappingBody),
)
async def run(request: Request, id: Token, reviewer: Reviewer = None) -> Response:
    """Import a file in a process of its own; one that runs goes on."""
    context = Context.of(request, Role.EDIT)
    files, one = _found(context, id)
    body = await read_model(request, context, MappingBody)
    changed = _mapped(files, one, body) if body.model_fields_set - {"publish"} else one
    writer, who = context.writer, context.who(reviewer)

    def work(review: Review) -> ImportFile:
        opened, new = review.jobs.open("import", changed.token, who)
        if not new:
            return changed
        given = {"folder": str(writer.folder), "models": str(writer.models), "import": changed.token}
        kept = files.change(changed, job=opened.job)
        started = {**given, "action": "run", "job": opened.job, "publish": body.publish}
        review.jobs.take(opened.job, context.gateway.jobs.start(IMPORT_JOB, started))
        return kept

    return reply(await _shown(context, files, await context.read(writer.run(work))), 202)


@router.post("/imports/{id}/stop", response_model=schemas.ImportModel, responses=responses(404, 409, 422))
async def stop(request: Request, id: Token) -> Response:
    """Stop an import; what it did stays, and a second run goes on."""
    context = Context.of(request, Role.EDIT)
    files, one = _found(context, id)
    if one.job is not None:
        number = one.job
        await context.read(context.writer.run(lambda review: review.jobs.stop(number)))
    return reply(await _shown(context, files, one))


@router.delete("/imports/{id}", status_code=204, responses=responses(404, 409, 422))
async def remove(request: Request, id: Token) -> Response:
    """Delete an uploaded file, unless items have their pictures in it."""
    context = Context.of(request, Role.EDIT)
    files, one = _found(context, id)
    folder = str((files.folder / one.token).resolve())

    def work(review: Review) -> None:
        job = None if one.job is None else review.jobs.get(one.job)
        if job is not None and job.state == "running":
            raise Problem(409, "The import runs: stop it first.")
        with review.store.snapshot() as connection:
            used = connection.execute("SELECT 1 FROM images WHERE instr(path, ?) = 1 LIMIT 1", (folder,)).fetchone()
        if used:
            raise Problem(409, "Items have their pictures in this file: it stays.")
        files.remove(one.token)

    await context.read(context.writer.run(work))
    return Response(status_code=204)


@router.get(
    "/imports/{id}/skipped.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **responses(404, 409, 422)},
)
async def skipped(request: Request, id: Token) -> Response:
    """Return the rows and pictures that an import left out, as a table."""
    context = Context.of(request, Role.EDIT)
    files, one = _found(context, id)
    try:
        data = (files.folder / one.token / SKIPPED).read_bytes()
    except OSError as error:
        raise Problem(404, "This import has no report yet.") from error
    headers = {"content-disposition": 'attachment; filename="skipped.csv"'}
    return Response(data, media_type="text/csv; charset=utf-8", headers=headers)


def _found(context: Context, token: str) -> tuple[ImportFiles, ImportFile]:
    files = ImportFiles(context.writer.folder)
    one = files.get(token)
    if one is None:
        raise Problem(404, "There is no import of this name; GET /v1/imports lists them.")
    return files, one


def _mapped(files: ImportFiles, one: ImportFile, body: MappingBody) -> ImportFile:
    options = body.model_dump(include={"attributes", "encoding", "decimal"})
    changed = files.change(one, options={**options, "columns": body.columns or {}})
    try:
        changed.source_options  # noqa: B018  # refuses a field that is none
    except InvalidInput as error:
        files.save(one)
        raise Problem(422, str(error)) from error
    return changed


async def _in_thread(context: Context, work: Callable[[], Value]) -> Value:
    return await context.writer.run(lambda review: work())


def _look(writer: CatalogueWriter, one: ImportFile) -> None:
    """Preview a file in a process of its own.

    A stranger's file may take long, or end what reads it.
    """
    given = {"folder": str(writer.folder), "import": one.token, "action": "preview"}
    problem = "The file took too long to read: import a smaller one, or run `whatsit catalogue add` on the server."
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=json.dumps(given).encode(),
            stdout=subprocess.DEVNULL,
            timeout=_PREVIEW_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return
        problem = "The file cannot be read: the process that looked at it ended."
    ImportFiles(writer.folder).keep_preview(one.token, {"preview": None, "problem": problem})


async def _shown(context: Context, files: ImportFiles, one: ImportFile, brief: bool = False) -> dict[str, Any]:
    job = None
    if one.job is not None:
        number = one.job
        job = await context.read(context.writer.run(lambda review: review.jobs.get(number)))
    looked: dict[str, Any] = {} if brief else files.preview(one)
    report = job.report if job is not None else None
    if brief and report is not None:
        report = {name: value for name, value in report.items() if name not in ("skipped", "notes")}
    return {
        "import": one.token,
        "name": one.name,
        "bytes": one.size,
        "state": "uploaded" if job is None else job.state,
        "who": one.who,
        "made": one.made,
        "options": {"columns": {}, "attributes": [], "encoding": None, "decimal": None, **one.options},
        "preview": looked.get("preview"),
        "problem": looked.get("problem"),
        "job": None if job is None else {**job.to_record(), "report": None},
        "report": report,
    }
