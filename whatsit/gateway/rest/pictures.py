"""Routes that take a picture: identify, embed, detect, feedback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile
from whatsit_client import calls, catalogue_calls
from whatsit_client.calls import Call
from whatsit_client.errors import InvalidInput
from whatsit_client.identification import Identification
from whatsit_client.tensors import Tensors

from whatsit.gateway.body import read_body
from whatsit.gateway.inference_request import parse_json
from whatsit.gateway.problems import Problem, responses
from whatsit.gateway.rest import schemas
from whatsit.gateway.rest.context import Context
from whatsit.gateway.rest.forms import read_form

router = APIRouter(tags=["pictures"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"image": {"type": "string", "format": "binary"}},
        "required": ["image"],
    }
}
PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The picture itself, or a form with the field image.",
        "content": {"image/*": _BINARY, "application/octet-stream": _BINARY, "multipart/form-data": _FORM},
    }
}

Boxes = Annotated[
    str | None, Query(description="JSON list of boxes [x1,y1,x2,y2] in pixels, instead of the detector's.")
]
Gate = Annotated[bool | None, Query(description="false searches even where the picture shows none of the kind.")]
TopK = Annotated[int | None, Query(ge=1, le=100, description="Matches a region; the server's default is 10.")]
Where = Annotated[str | None, Query(description='Filter on item fields, such as {"brand": "Arla"}.')]
MinScore = Annotated[float | None, Query(ge=0, le=2, description="Matches below are dropped.")]
Rerank = Annotated[str | None, Query(description="Ranking stages, separated by commas.")]
Codes = Annotated[
    Literal["auto", "on", "off"] | None, Query(description="Read barcodes; auto does where items have codes.")
]
Read = Annotated[
    Literal["auto", "on", "off"] | None, Query(description="Read words; auto does where the first matches are close.")
]
Text = Annotated[str | None, Query(description="Known words of its title, brand or size.")]


@router.post(
    "/identify",
    response_model=schemas.IdentificationModel,
    responses=responses(404, 415, 422),
    openapi_extra=PICTURE_BODY,
)
async def identify(
    request: Request,
    top_k: TopK = None,
    boxes: Boxes = None,
    where: Where = None,
    min_score: MinScore = None,
    rerank: Rerank = None,
    text: Text = None,
    gate: Gate = None,
    codes: Codes = None,
    read: Read = None,
) -> Response:
    """Identify what is in a picture and which items it shows."""
    context = Context.of(request)
    image = await read_picture(request, context)
    options: dict[str, Any] = {"top_k": top_k, "where": where, "min_score": min_score, "rerank": rerank, "text": text}
    options |= {"codes": codes, "read": read}
    call = calls.identify(image, **options, boxes=_boxes(boxes), gate=gate)
    found, prints = await context.call(
        Call(call.model, call.inputs, call.parameters, partial(_with_fingerprints, call))
    )
    record = json.loads(found.to_json())
    record["regions"] = [context.region(region) for region in record["regions"]]
    answer = record["answer"]
    context.gateway.searches.count(context.catalogue, answer)
    answer["image"] = context.image_url(answer["ids"][0]) if answer["ids"] and answer["image"] else ""
    return _json(record, dict(zip(("Whatsit-Embedder", "Whatsit-Index"), prints, strict=False)))


@router.post(
    "/detect", response_model=schemas.DetectionModel, responses=responses(404, 415, 422), openapi_extra=PICTURE_BODY
)
async def detect(request: Request, boxes: Boxes = None, gate: Gate = None) -> Response:
    """Return the regions of a picture."""
    context = Context.of(request)
    call = calls.detect(await read_picture(request, context), boxes=_boxes(boxes), gate=gate)
    found = await context.call(call)
    return _json({"regions": [region.to_record() for region in found]})


@router.post(
    "/embed", response_model=schemas.EmbeddingModel, responses=responses(404, 415, 422), openapi_extra=PICTURE_BODY
)
async def embed(request: Request, boxes: Boxes = None, gate: Gate = None) -> Response:
    """Return the vectors of a picture's regions."""
    context = Context.of(request)
    call = calls.embed(await read_picture(request, context), boxes=_boxes(boxes), gate=gate)
    found = await context.call(call)
    return _json(
        {
            "regions": [region.to_record() for region in found.regions],
            "vectors": found.vectors.tolist(),
            "intent": found.intent,
            "intent_scores": dict(found.intent_scores),
        }
    )


@router.post(
    "/feedback", response_model=schemas.FeedbackReply, responses=responses(404, 415, 422), openapi_extra=PICTURE_BODY
)
async def feedback(
    request: Request,
    id: Annotated[str | None, Query(min_length=1, description="Of the item that the person chose.")] = None,
    box: Annotated[str | None, Query(description="[x1,y1,x2,y2] in pixels; without it the whole picture.")] = None,
    kind: Annotated[
        Literal["match", "none", "crop"],
        Query(description="match: the photo shows the item; none: no shown item is right; crop: a searched region."),
    ] = "match",
) -> Response:
    """Record what a person said of a photo; the server's `--collect` allows it."""
    context = Context.of(request)
    collect = context.gateway.settings.collect
    if collect == "off" or (kind == "crop" and collect != "crops"):
        needed = "crops" if kind == "crop" else "clicks"
        raise Problem(403, f"This server does not keep this of its visitors: start it with --collect {needed}.")
    if (kind == "match") != (id is not None):
        raise InvalidInput("Feedback of the kind match names an item by id; the other kinds name none.")
    image = await read_picture(request, context)
    chosen = None if box is None else _boxes(f"[{box}]")
    if chosen is not None and len(chosen) != 1:
        raise InvalidInput("box is one box [x1,y1,x2,y2] in pixels.")
    call = catalogue_calls.feedback_entry(image, kind, id, None if chosen is None else chosen[0])
    kept = await context.call(call)
    return _json({"clicks": kept["clicks"], "feedback": kept["feedback"]})


@router.delete("/feedback/{feedback}", status_code=204, responses=responses(404, 422))
async def withdraw_feedback(
    request: Request, feedback: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The token.")]
) -> Response:
    """Delete feedback with its photo."""
    context = Context.of(request)
    call = catalogue_calls.withdraw(feedback)
    if not await context.call(call):
        raise Problem(404, "There is no such feedback, or it was withdrawn before.")
    return Response(status_code=204)


async def read_picture(request: Request, context: Context) -> bytes:
    """Return the encoded picture in the body or in its form.

    Raises:
        Problem: there is none, or it is too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, context.gateway.settings.limits.body_bytes)
    if kind != "multipart/form-data":
        return body
    image = (await read_form(request, body)).get("image")
    if not isinstance(image, UploadFile):
        raise Problem(400, "The form has no file named image.")
    return await image.read()


def _boxes(text: str | None) -> list[list[float]] | None:
    if text is None:
        return None
    boxes = parse_json(text.encode("utf-8", "replace"))
    try:
        return [[float(side) for side in box] for box in boxes]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("boxes is a JSON list of [x1,y1,x2,y2] in pixels.") from error


def _with_fingerprints(call: Call[Identification], tensors: Tensors) -> tuple[Identification, list[str]]:
    """Return the result, and the fingerprints of embedder and index or []."""
    prints = [bytes(one).decode() for one in tensors.get("FINGERPRINTS", ())]
    return call.read(tensors), prints


def _json(record: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(record), headers=headers, media_type="application/json")
