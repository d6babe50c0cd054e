"""Routes of the catalogue's items."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import AfterValidator, ValidationError
from starlette.datastructures import UploadFile
from whatsit_client import catalogue_calls

from whatsit.catalogue.store.item_listing import SORTS
from whatsit.gateway.body import read_body
from whatsit.gateway.guard import SLASH
from whatsit.gateway.inference_request import parse_json
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import Problem, responses
from whatsit.gateway.rest import schemas
from whatsit.gateway.rest.context import Context
from whatsit.gateway.rest.forms import read_form
from whatsit.gateway.rest.json_body import Reviewer
from whatsit.search.item_search import MAX_OFFSET, MAX_PAGE

router = APIRouter(tags=["items"])

ItemId = Annotated[
    str, Path(min_length=1, description="The item's id."), AfterValidator(lambda id: id.replace(SLASH, "/").strip())
]
_FIELDS = {"schema": {"$ref": "#/components/schemas/ItemFieldsModel"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {
            "item": {"type": "string", "description": "The fields as JSON."},
            "image": {"type": "string", "format": "binary"},
        },
    }
}
_ITEM_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The fields as JSON, or a form with the fields item (JSON) and image.",
        "content": {"application/json": _FIELDS, "multipart/form-data": _FORM},
    }
}
# Changes of one item wait for each other, so that If-Match is checked against what is then replaced.
_LOCKS: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()


@router.get("/items", response_model=schemas.ItemPage, responses=responses(404, 422))
async def list_items(
    request: Request,
    text: Annotated[str | None, Query(max_length=1000, description="Words of title, brand or category.")] = None,
    where: Annotated[str | None, Query(max_length=10_000, description='Filter, such as {"brand": "Arla"}.')] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    sort: Annotated[
        str | None, Query(pattern="^-?[a-z]+$", max_length=20, description="One of " + ", ".join(SORTS) + ".")
    ] = None,
    details: Annotated[bool, Query(description="With updated and pictures (how many) of each.")] = False,
) -> Response:
    """List items, or find them by words."""
    context = Context.of(request)
    records, total = await context.read(context.reader.page(text, where, limit, offset, sort, details))
    following = None
    if offset + limit < total:
        asked = {"text": text, "where": where, "limit": limit, "offset": offset + limit, "sort": sort}
        asked["details"] = "true" if details else None
        following = f"{context.prefix}/items?" + urlencode({k: v for k, v in asked.items() if v is not None})
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    page = {"items": [context.item(record) for record in records], "total": total, "next": following}
    return Response(orjson.dumps(page), media_type="application/json", headers=headers)


@router.get("/facets", response_model=schemas.FacetList, responses=responses(404, 422))
async def list_facets(
    request: Request,
    text: Annotated[str | None, Query(max_length=1000, description="Words of title, brand or category.")] = None,
    where: Annotated[str | None, Query(max_length=10_000, description="Filter on item fields.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Values of each field.")] = 20,
) -> Response:
    """Count the values of the items' fields."""
    context = Context.of(request)
    found, total = await context.read(context.reader.facets(text, where, limit))
    records = [
        {**asdict(facet), "values": [{"value": value, "items": count} for value, count in facet.values]}
        for facet in found
    ]
    return Response(orjson.dumps({"facets": records, "total": total}), media_type="application/json")


@router.get(
    "/items/{id}",
    response_model=schemas.StoredItem,
    responses={304: {"description": "Not changed"}, **responses(404, 422)},
)
async def get_item(request: Request, id: ItemId) -> Response:
    """Return an item; its ETag goes into If-Match of a change."""
    context = Context.of(request)
    shown = await _shown(context, id)
    etag = _etag(shown)
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers={"etag": etag})
    record = {**context.item(shown), "images": [context.image_url(id, n) for n in range(_visible(shown))]}
    known = {name: record.get(name) for name in schemas.StoredItem.model_fields}
    return Response(orjson.dumps(known), media_type="application/json", headers={"etag": etag})


@router.put(
    "/items/{id}",
    response_model=schemas.Written,
    responses={201: {"model": schemas.Written, "description": "Added"}, **responses(404, 412, 415, 422)},
    openapi_extra=_ITEM_BODY,
)
async def put_item(request: Request, id: ItemId, reviewer: Reviewer = None) -> Response:
    """Add an item or replace its fields; its pictures stay where no image is sent."""
    context = Context.of(request, Role.EDIT)
    fields, image = await _read_item(request, context)
    async with _LOCKS.setdefault((context.catalogue, id), asyncio.Lock()):
        await _check_preconditions(request, context, id)
        record = {"id": id, **fields.model_dump()}  # null empties: PUT replaces all fields
        before = await context.read(context.reader.show(id))
        call = catalogue_calls.upsert(record, image, None)
        outcome = await context.call(call)
        shown = await _shown(context, id)
        await context.writer.record(id, outcome, context.who(reviewer), before, shown)
    headers = {"etag": _etag(shown), "location": context.item_url(shown["id"])}
    body = orjson.dumps({"id": shown["id"], "outcome": outcome})
    return Response(body, 201 if outcome == "added" else 200, headers, media_type="application/json")


@router.delete("/items/{id}", status_code=204, responses=responses(404, 412, 422))
async def delete_item(request: Request, id: ItemId, reviewer: Reviewer = None) -> Response:
    """Delete an item with its pictures and vectors."""
    context = Context.of(request, Role.EDIT)
    async with _LOCKS.setdefault((context.catalogue, id), asyncio.Lock()):
        await _check_preconditions(request, context, id)
        before = await context.read(context.reader.show(id))
        call = catalogue_calls.delete([id])
        unknown = await context.call(call)
        if not unknown:
            await context.writer.record(id, "deleted", context.who(reviewer), before, None)
    if unknown:
        raise Problem(404, f"The catalogue has no item '{id[:100]}'.")
    return Response(status_code=204)


@router.get(
    "/items/{id}/image",
    response_class=Response,
    responses={
        200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "Not changed"},
        307: {"description": "The picture is elsewhere"},
        **responses(404, 422),
    },
)
async def get_image(
    request: Request,
    id: ItemId,
    position: Annotated[int, Query(ge=0, le=10_000, description="0 for the main picture.")] = 0,
    side: Annotated[int | None, Query(ge=16, le=2048, description="Longest side of a thumbnail.")] = None,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="Of its file, in place of position; needs role edit.")
    ] = None,
) -> Response:
    """Return a picture of an item, whole or as a thumbnail."""
    context = Context.of(request, Role.SEARCH if sha256 is None else Role.EDIT)
    found = await context.read(context.reader.image(id, sha256 or position, side))
    if isinstance(found, str):
        return RedirectResponse(found, 307)
    headers = {"etag": found.etag, "cache-control": "private, max-age=300"}
    if _matches(request.headers.get("if-none-match"), found.etag):
        return Response(status_code=304, headers=headers)
    return Response(found.data, media_type=found.media_type, headers=headers)


_Where = Annotated[str | None, Query(max_length=10_000, description="Filter on the items found.")]
_Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
_Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]


@router.get("/items/{id}/similar", response_model=schemas.SimilarModel, responses=responses(404, 422))
async def similar_items(
    request: Request, id: ItemId, where: _Where = None, limit: _Limit = 10, offset: _Offset = 0
) -> Response:
    """Return the items whose pictures are most like this one's.

    The item itself, those merged with it and those with the same pictures are left out.
    """
    context = Context.of(request)
    found = await context.read(context.reader.similar(id, where, limit, offset))
    matches = [{"item": context.item(one.item), "score": one.score, "rank": one.score} for one in found]
    return _page(f"{context.item_url(id)}/similar", {"matches": matches}, where, limit, offset)


@router.get("/items/{id}/scenes", response_model=schemas.ScenesModel, responses=responses(404, 422))
async def item_scenes(
    request: Request, id: ItemId, where: _Where = None, limit: _Limit = 10, offset: _Offset = 0
) -> Response:
    """Return pictures of other items in which this item appears, with the place of it.

    None where the catalogue indexes no objects.
    """
    context = Context.of(request)
    scenes = [
        {**one.to_record(), "item": context.item(one.item), "image": context.image_url(one.owner, one.picture)}
        for one in await context.read(context.reader.scenes(id, where, limit, offset))
    ]
    for scene in scenes:
        del scene["owner"]
    body = {"scenes": scenes, "objects": await context.read(context.reader.keeps_objects())}
    return _page(f"{context.item_url(id)}/scenes", body, where, limit, offset)


def _page(url: str, body: dict[str, Any], where: str | None, limit: int, offset: int) -> Response:
    """Return a page of results with the URL of the next one, if it may have any."""
    (results, *_) = body.values()
    following, headers = None, {}
    if len(results) == limit and offset + limit <= MAX_OFFSET:
        asked = {"where": where, "limit": limit, "offset": offset + limit}
        following = f"{url}?" + urlencode({k: v for k, v in asked.items() if v is not None})
        headers = {"link": f'<{following}>; rel="next"'}
    return Response(orjson.dumps({**body, "next": following}), media_type="application/json", headers=headers)


async def _shown(context: Context, id: str) -> dict[str, Any]:
    shown = await context.read(context.reader.show(id))
    if shown is None:
        raise Problem(404, f"The catalogue has no item '{id[:100]}'.")
    return shown


async def _read_item(request: Request, context: Context) -> tuple[schemas.ItemFieldsModel, bytes | None]:
    """Return fields and picture of an item from JSON or a form."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await read_body(request, context.gateway.settings.limits.body_bytes)
    image = None
    if kind == "multipart/form-data":
        form = await read_form(request, body)
        given, file = form.get("item", "{}"), form.get("image")
        if not isinstance(given, str) or isinstance(file, str):
            raise Problem(400, "The form has the text item and the file image.")
        body, image = (
            given.encode("utf-8", "surrogatepass"),
            await file.read() if isinstance(file, UploadFile) else None,
        )
    elif kind != "application/json":
        raise Problem(415, f"An item is sent as application/json or multipart/form-data, not {kind[:60]}.")
    try:
        return schemas.ItemFieldsModel.model_validate(parse_json(body)), image
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise Problem(422, f"The item's {place[:60]} is refused: {first['msg']}.") from error


async def _check_preconditions(request: Request, context: Context, id: str) -> None:
    """Raise 412 where If-Match or If-None-Match does not hold."""
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted is None and unwanted is None:
        return
    shown = await context.read(context.reader.show(id))
    etag = None if shown is None else _etag(shown)
    if wanted is not None and (etag is None or not _matches(wanted, etag, weak=False)):
        raise Problem(412, "The item was changed since: read it again.")
    if unwanted is not None and etag is not None and _matches(unwanted, etag):
        raise Problem(412, f"There is an item '{id[:100]}' already.")


def _matches(header: str | None, etag: str, weak: bool = True) -> bool:
    if header is None:
        return False
    tags = [one.strip() for one in header.split(",")]
    return header.strip() == "*" or etag in tags or (weak and f"W/{etag}" in tags)


def _etag(shown: dict[str, Any]) -> str:
    return f'"{hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def _visible(shown: dict[str, Any]) -> int:
    return sum(not one.get("hidden") for one in shown["images"])
