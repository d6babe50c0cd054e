"""The options of one call, as the request parameters that Triton carries to every step."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from whatsit_client.errors import InvalidInput

Parameters = dict[str, str | int]

_INT64 = 2**63


def parameters(
    *,
    top_k: int | None = None,
    boxes: Sequence[Sequence[float]] | None = None,
    where: Mapping[str, Any] | str | None = None,
    min_score: float | None = None,
    rerank: Sequence[str] | str | None = None,
    text: str | None = None,
    gate: bool | None = None,
) -> Parameters:
    """Write options as request parameters; what is None is left to the server.

    Values are not judged here: the server knows the ranges and answers with a sentence. What JSON or 64 bits cannot
    hold travels as text, so that it meets that sentence too.

    Args:
        top_k: matches per region, 1..100.
        boxes: the caller's own boxes x1,y1,x2,y2 in pixels of the upright picture, instead of the detector's.
        where: filter on item fields, a JSON object or its text.
        min_score: matches below are dropped, 0..2.
        rerank: names of the ranking stages to add.
        text: words of the title, brand or size.
        gate: False searches even where the picture shows none of the catalogue's kind.

    Raises:
        InvalidInput: an option cannot be written down at all.
    """
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
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"An option has a value of the wrong type ({error}): see the call's description.") from error
    return given
