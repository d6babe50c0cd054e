"""Calls of the ensembles without transport: inputs, parameters, reply."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

import numpy as np

from whatsit_client.encode import ImageLike, encode
from whatsit_client.errors import InvalidInput
from whatsit_client.identification import Embedding, Identification
from whatsit_client.tensors import Tensors, read_detection, read_embedding, read_identification
from whatsit_client.types import Region

if TYPE_CHECKING:
    from typing_extensions import Unpack

Parameters = dict[str, str | int]
Value = TypeVar("Value")

_INT64 = 2**63


@dataclass(frozen=True)
class Call(Generic[Value]):
    """One request to a model.

    Args:
        model: name of the ensemble or model.
        inputs: name -> array.
        parameters: Triton's request parameters.
        read: makes the result from the output tensors.
    """

    model: str
    inputs: Tensors
    parameters: Parameters
    read: Callable[[Tensors], Value]


class RegionOptions(TypedDict, total=False):
    """Options of `embed` and `detect`; see `Client.identify`."""

    boxes: Sequence[Sequence[float]] | None
    gate: bool | None


class IdentifyOptions(RegionOptions, total=False):
    """Options of `identify`; see `Client.identify`."""

    top_k: int | None
    where: Mapping[str, Any] | str | None
    min_score: float | None
    rerank: Sequence[str] | str | None
    text: str | None
    catalogue: str | None
    min_rank: float | None
    codes: str | None
    read: str | None


def identify(image: ImageLike, **options: Unpack[IdentifyOptions]) -> Call[Identification]:
    """Return the call of `identify` for one picture."""
    return Call("identify", _image_input(image), parameters(**options), read_identification)


def embed(image: ImageLike, **options: Unpack[RegionOptions]) -> Call[Embedding]:
    """Return the call of `embed` for one picture."""
    return Call("embed", _image_input(image), parameters(**options), read_embedding)


def detect(image: ImageLike, **options: Unpack[RegionOptions]) -> Call[tuple[Region, ...]]:
    """Return the call of `detect` for one picture."""
    return Call("detect", _image_input(image), parameters(**options), read_detection)


def _image_input(image: ImageLike) -> Tensors:
    return {"IMAGE": np.frombuffer(encode(image), np.uint8)}


def parameters(
    *,
    top_k: int | None = None,
    boxes: Sequence[Sequence[float]] | None = None,
    where: Mapping[str, Any] | str | None = None,
    min_score: float | None = None,
    rerank: Sequence[str] | str | None = None,
    text: str | None = None,
    gate: bool | None = None,
    catalogue: str | None = None,
    min_rank: float | None = None,
    codes: str | None = None,
    read: str | None = None,
) -> Parameters:
    """Return the request parameters of a call.

    An option that is None is left to the server.

    Ranges are checked by the server. What JSON or 64 bits cannot hold is sent as text, so that the server refuses it.

    Raises:
        InvalidInput: an option cannot be written down at all.
    """
    min_score = min_rank if min_score is None else min_score
    given: Parameters = {}
    try:
        if top_k is not None:
            number = operator.index(top_k)
            given["top_k"] = number if -_INT64 <= number < _INT64 else str(number)
        if boxes is not None:
            given["boxes"] = json.dumps([[float(v) for v in box] for box in boxes])
        if where is not None:
            given["where"] = where if isinstance(where, str) else json.dumps(where)
        if min_score is not None:
            given["min_score"] = str(float(min_score))
        if rerank is not None:
            given["rerank"] = rerank if isinstance(rerank, str) else ",".join(rerank)
        if text is not None:
            given["text"] = str(text)
        if gate is not None:
            given["gate"] = "on" if gate else "off"
        if catalogue is not None:
            given["catalogue"] = str(catalogue)
        if codes is not None:
            given["codes"] = str(codes)
        if read is not None:
            given["read"] = str(read)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"An option has a value of the wrong type ({error}): see the call's description.") from error
    return given
