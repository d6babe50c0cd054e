"""Options of a call: checked Triton request parameters.

A refusal names the parameter and its range.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.store.text_index import words_of
from whatsit.ranking.stages import stage_names
from whatsit.search.search_options import SearchOptions

MAX_TOP_K = 100
MAX_BOXES = 31  # with the whole picture as region 0 they fill the embedder's largest batch

NAMES = ("top_k", "boxes", "where", "min_score", "rerank", "text", "gate", "catalogue", "codes", "read")


@dataclass(frozen=True)
class Options(SearchOptions):
    """The options of a call, read from its parameters.

    Args:
        catalogue: name of the catalogue that is searched; None for the default one.
    """

    catalogue: str | None = None

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Options:
        """Read Triton's request parameters; numbers may be text.

        Triton's own `triton_*` are ignored.

        Raises:
            InvalidInput: an unknown name or a value out of its range.
        """
        given = {name: value for name, value in parameters.items() if not name.startswith("triton_")}
        if "min_rank" in given:  # deprecated
            given.setdefault("min_score", given.pop("min_rank"))
        if unknown := sorted(set(given) - set(NAMES)):
            raise InvalidInput(f"There is no option '{unknown[0]}'; the options are {', '.join(NAMES)}.")
        readers: dict[str, Callable[[Any], Any]] = {
            "top_k": _top_k,
            "boxes": _boxes,
            "where": Filter.parse,
            "min_score": _min_score,
            "rerank": _rerank,
            "text": _text,
            "gate": _gate,
            "catalogue": _catalogue,
            "codes": lambda value: _choice("codes", value),
            "read": lambda value: _choice("read", value),
        }
        return cls(**{name: readers[name](value) for name, value in given.items()})

    @classmethod
    @lru_cache(maxsize=128)
    def from_json(cls, text: str) -> Options:
        """Read the JSON object of `request.parameters()`.

        Callers repeat their options, so a process parses each text once.
        """
        try:
            return cls.from_parameters(json.loads(text or "{}"))
        except InvalidInput as error:
            error.reason = "option"
            raise


def _top_k(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if isinstance(value, bool) or not 1 <= number <= MAX_TOP_K or (isinstance(value, float) and value != number):
        raise InvalidInput(f"top_k must be a whole number within 1..{MAX_TOP_K}, not {_short(value)}.")
    return number


def _boxes(value: Any) -> tuple[Box, ...]:
    form = f"boxes must be a JSON list of 1..{MAX_BOXES} boxes [x1,y1,x2,y2] in pixels with x1 < x2 and y1 < y2"
    try:
        rows = json.loads(value) if isinstance(value, str) else value
        boxes = [tuple(float(side) for side in row) for row in rows]
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput(f"{form}, not {_short(value)}.") from None
    if not 1 <= len(boxes) <= MAX_BOXES:
        raise InvalidInput(f"{form}; {len(boxes)} were given.")
    for number, box in enumerate(boxes):
        if len(box) != 4 or not all(math.isfinite(side) for side in box) or box[0] >= box[2] or box[1] >= box[3]:
            raise InvalidInput(f"{form}; boxes[{number}] is {_short(list(box))}.")
    return tuple(boxes)  # type: ignore[arg-type]  # each was just found to have four sides


def _min_score(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0.0 <= number <= 2.0:
        raise InvalidInput(f"min_score must be a number within 0..2, not {_short(value)}.")
    return number


def _rerank(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"rerank must be a comma list of stages or 'none', not {_short(value)}.")
    stage_names(value)  # names the stage that is unknown
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"text must be words of a title, brand or size, not {_short(value)}.")
    words_of(value)  # refuses none and too many
    return value


def _gate(value: Any) -> bool:
    known = {"on": True, "off": False, "true": True, "false": False}
    word = str(value).lower()
    if word not in known:
        raise InvalidInput(f"gate must be 'on' or 'off', not {_short(value)}.")
    return known[word]


def _choice(name: str, value: Any) -> str:
    if value not in ("auto", "on", "off"):
        raise InvalidInput(f"{name} must be 'auto', 'on' or 'off', not {_short(value)}.")
    return str(value)


def _catalogue(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"catalogue must be the name of a catalogue, not {_short(value)}.")
    return value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(text if len(text) <= 60 else text[:57] + "…") if isinstance(value, str) else text[:60]
