"""Readers of the output tensors of `identify`, `embed` and `detect`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from whatsit_client.errors import InvalidInput
from whatsit_client.identification import Embedding, Identification
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS
from whatsit_client.types import Answer, Item, Match, Region

Tensors = Mapping[str, npt.NDArray[Any]]
Value = TypeVar("Value")


def validate_reply(read: Callable[[Tensors], Value]) -> Callable[[Tensors], Value]:
    """Return a reader that raises `InvalidInput` for a reply outside the contract."""

    @wraps(read)
    def checked(tensors: Tensors) -> Value:
        try:
            return read(tensors)
        except InvalidInput:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"The reply does not keep the tensor contract of Whatsit: {error!r}.") from error

    return checked


@validate_reply
def read_identification(tensors: Tensors) -> Identification:
    """Read the outputs of `identify`.

    Args:
        tensors: BOXES f32 [N,4], BOX_SCORES f32 [N], BOX_LABELS bytes [N], ITEM_IDS bytes [N,K], ITEM_SCORES
            f32 [N,K] (servers up to 0.1: ITEM_RANKS), ITEM_RECORDS bytes [N,K], INTENT bytes [1], INTENT_SCORES
            f32 [3], SOURCE_SCORES f32 [3], TOPIC_SCORES f32 [9], TAG_SCORES f32 [42], ANSWER bytes [1].
            An empty id is padding.

    Raises:
        InvalidInput: a tensor is missing or does not fit the others.
    """
    old = "ITEM_SCORES" not in tensors and "ITEM_RANKS" in tensors
    scores = tensors["ITEM_RANKS" if old else "ITEM_SCORES"]
    rows = zip(tensors["ITEM_IDS"], scores, tensors["ITEM_RECORDS"], strict=True)
    matches = [
        tuple(
            _match(json.loads(record), float(score))
            for item_id, score, record in zip(ids, row, records, strict=True)
            if item_id
        )
        for ids, row, records in rows
    ]
    return Identification(
        regions=_regions(tensors, matches),
        intent=_text(tensors["INTENT"])[0],
        intent_scores=_named(INTENTS, tensors["INTENT_SCORES"]),
        source_scores=_named(SOURCES, tensors["SOURCE_SCORES"]),
        topic_scores=_named(TOPICS, tensors["TOPIC_SCORES"]),
        tag_scores=_named(TAGS, tensors["TAG_SCORES"]),
        answer=Answer.from_record(json.loads(tensors["ANSWER"][0])),
    )


@validate_reply
def read_embedding(tensors: Tensors) -> Embedding:
    """Read the outputs of `embed`.

    Args:
        tensors: BOXES f32 [N,4], BOX_SCORES f32 [N], BOX_LABELS bytes [N], EMBEDDINGS f32 [N,128], INTENT bytes
            [1], INTENT_SCORES f32 [3].

    Raises:
        InvalidInput: a tensor is missing or does not fit the others.
    """
    return Embedding(
        regions=_regions(tensors),
        vectors=np.asarray(tensors["EMBEDDINGS"], dtype=np.float32),
        intent=_text(tensors["INTENT"])[0],
        intent_scores=_named(INTENTS, tensors["INTENT_SCORES"]),
    )


@validate_reply
def read_detection(tensors: Tensors) -> tuple[Region, ...]:
    """Read the outputs of `detect`.

    They are BOXES f32 [N,4], BOX_SCORES f32 [N] and BOX_LABELS bytes [N].

    Raises:
        InvalidInput: a tensor is missing or does not fit the others.
    """
    return _regions(tensors)


def _match(record: dict[str, Any], score: float) -> Match:
    evidence = record.pop("match", None) or {}
    return Match.of(Item.from_record(record), score, evidence)


def _regions(tensors: Tensors, matches: list[tuple[Match, ...]] | None = None) -> tuple[Region, ...]:
    boxes, scores, labels = tensors["BOXES"], tensors["BOX_SCORES"], _text(tensors["BOX_LABELS"])
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InvalidInput(f"The reply holds boxes of shape {boxes.shape} where [N,4] is agreed.")
    found = [()] * len(boxes) if matches is None else matches
    return tuple(
        Region((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(score), label, some)
        for box, score, label, some in zip(boxes, scores, labels, found, strict=True)
    )


def _text(tensor: npt.NDArray[Any]) -> list[str]:
    """Return a BYTES tensor [N] as text."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in tensor.ravel()]


def _named(names: Sequence[str], scores: npt.NDArray[Any]) -> dict[str, float]:
    values = np.asarray(scores, dtype=np.float32).ravel()
    if len(values) != len(names):
        raise InvalidInput(f"The reply holds {len(values)} scores for {len(names)} names ({', '.join(names[:3])}…).")
    return {name: float(value) for name, value in zip(names, values, strict=True)}
