"""The one value that runs through Whatsit: an `Identification` and its parts, checked when they are made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS

Box = tuple[float, float, float, float]

_ITEM_FIELDS = ("id", "title", "brand", "category", "image", "price", "url")


@dataclass(frozen=True)
class Item:
    """One thing of a catalogue, as the catalogue's owner described it.

    Args:
        id: the owner's own identifier, unique in the catalogue.
        title: what a person calls it.
        brand: maker or label, "" where unknown.
        category: the owner's category, "" where unknown.
        image: path or URL of the main picture, "" where unknown.
        price: in the catalogue's currency, None where unknown.
        url: page of the item, "" where unknown.
        attributes: everything else that the catalogue knows.
    """

    id: str
    title: str = ""
    brand: str = ""
    category: str = ""
    image: str = ""
    price: float | None = None
    url: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise InvalidInput("An item needs a non-empty id.")
        if self.price is not None and not math.isfinite(self.price):
            raise InvalidInput(f"Item '{self.id}' has the price {self.price}; give a finite number or none.")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Item:
        """Build an item from one JSON object of `ITEM_RECORDS`; unknown keys are kept as attributes."""
        known = {name: record[name] for name in _ITEM_FIELDS if record.get(name) is not None}
        extra = {key: value for key, value in record.items() if key not in {*_ITEM_FIELDS, "attributes"}}
        return cls(**known, attributes={**(record.get("attributes") or {}), **extra})

    def to_record(self) -> dict[str, Any]:
        """The item as a JSON object."""
        return {**{name: getattr(self, name) for name in _ITEM_FIELDS}, "attributes": dict(self.attributes)}


@dataclass(frozen=True)
class Match:
    """One catalogue item that looks like a region.

    Args:
        item: the item.
        rank: 2 - L2 distance of the two unit vectors, 0..2; higher is more alike.
    """

    item: Item
    rank: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.rank <= 2.0 + 1e-3:
            raise InvalidInput(f"The rank of item '{self.item.id}' is {self.rank}; ranks lie within 0..2.")


@dataclass(frozen=True)
class Region:
    """A part of the picture and the items it may be, best first.

    Args:
        box: x1, y1, x2, y2 in pixels of the upright picture.
        score: how sure the detector is, 0..1 (1 for the whole picture and for a caller's own box).
        label: the detector's class, "image" for the whole picture, "box" for a caller's own box.
        matches: best first.
    """

    box: Box
    score: float
    label: str
    matches: tuple[Match, ...] = ()

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        if not all(math.isfinite(v) for v in self.box) or x2 < x1 or y2 < y1:
            raise InvalidInput(f"The box {self.box} is not x1,y1,x2,y2 with x1 <= x2 and y1 <= y2.")


@dataclass(frozen=True)
class Answer:
    """What the matches together say the thing is.

    Args:
        found: False means "not in the catalogue".
        title: of the best item, "" where nothing was found.
        brand: voted.
        category: voted.
        image: main picture of the best item.
        confidence: 0..1.
        ids: the items behind the answer, best first.
        region: index into the regions of the one that was answered for, None where nothing was found.
    """

    found: bool
    title: str = ""
    brand: str = ""
    category: str = ""
    image: str = ""
    confidence: float = 0.0
    ids: tuple[str, ...] = ()
    region: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise InvalidInput(f"A confidence lies within 0..1, not {self.confidence}.")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answer:
        """Build an answer from the JSON object of `ANSWER`; unknown keys are ignored."""
        names = cls.__dataclass_fields__
        known = {key: value for key, value in record.items() if key in names}
        return cls(**{**known, "ids": tuple(record.get("ids", ()))})

    def to_record(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return {**{name: getattr(self, name) for name in self.__dataclass_fields__}, "ids": list(self.ids)}


@dataclass(frozen=True)
class Identification:
    """Everything that one call says about one picture.

    Args:
        regions: region 0 is the whole picture; then the detector's or the caller's boxes.
        intent: the most likely of `INTENTS`.
        intent_scores: one probability per name of `INTENTS`.
        source_scores: one probability per name of `SOURCES`.
        topic_scores: one probability per name of `TOPICS`.
        tag_scores: one probability per name of `TAGS`.
        answer: voted from the matches.
    """

    regions: tuple[Region, ...]
    intent: str
    intent_scores: Mapping[str, float]
    source_scores: Mapping[str, float]
    topic_scores: Mapping[str, float]
    tag_scores: Mapping[str, float]
    answer: Answer

    def __post_init__(self) -> None:
        if not self.regions:
            raise InvalidInput("An identification has at least one region, the whole picture.")
        if self.intent not in INTENTS:
            raise InvalidInput(f"The intent '{self.intent}' is none of {', '.join(INTENTS)}.")

    @property
    def gated(self) -> bool:
        """Whether the picture was taken for none of the catalogue's kind (intent `other`)."""
        return self.intent == "other"

    def top_tags(self, count: int = 3) -> tuple[tuple[str, float], ...]:
        """The `count` most likely tags with their probabilities, best first."""
        return tuple(sorted(self.tag_scores.items(), key=lambda pair: -pair[1])[:count])

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Identification:
        """Build from the outputs of the Triton ensemble `identify`.

        Args:
            tensors: BOXES f32 [N,4], BOX_SCORES f32 [N], BOX_LABELS bytes [N], ITEM_IDS bytes [N,K], ITEM_RANKS
                f32 [N,K], ITEM_RECORDS bytes [N,K], INTENT bytes [1], INTENT_SCORES f32 [3], SOURCE_SCORES f32 [3],
                TOPIC_SCORES f32 [9], TAG_SCORES f32 [42], ANSWER bytes [1].

        Raises:
            InvalidInput: a tensor is missing or does not fit the others.
        """
        try:
            matches = [
                tuple(
                    Match(Item.from_record(json.loads(record)), float(rank))
                    for item_id, rank, record in zip(ids, ranks, records, strict=True)
                    if item_id
                )
                for ids, ranks, records in zip(
                    _text(tensors["ITEM_IDS"]), tensors["ITEM_RANKS"], _text(tensors["ITEM_RECORDS"]), strict=True
                )
            ]
            regions = tuple(
                Region(_box(box), float(score), label, found)
                for box, score, label, found in zip(
                    tensors["BOXES"], tensors["BOX_SCORES"], _text(tensors["BOX_LABELS"]), matches, strict=True
                )
            )
            return cls(
                regions=regions,
                intent=_text(tensors["INTENT"])[0],
                intent_scores=_named(INTENTS, tensors["INTENT_SCORES"]),
                source_scores=_named(SOURCES, tensors["SOURCE_SCORES"]),
                topic_scores=_named(TOPICS, tensors["TOPIC_SCORES"]),
                tag_scores=_named(TAGS, tensors["TAG_SCORES"]),
                answer=Answer.from_record(json.loads(_text(tensors["ANSWER"])[0])),
            )
        except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
            raise InvalidInput(f"The reply is not one of the model 'identify': {error!r}.") from error

    @classmethod
    def from_json(cls, text: str) -> Identification:
        """The inverse of `to_json`.

        Raises:
            InvalidInput: the text is not an identification.
        """
        try:
            data = json.loads(text)
            regions = tuple(
                Region(
                    _box(region["box"]),
                    region["score"],
                    region["label"],
                    tuple(Match(Item.from_record(match["item"]), match["rank"]) for match in region["matches"]),
                )
                for region in data["regions"]
            )
            scores = {name: data[name] for name in ("intent_scores", "source_scores", "topic_scores", "tag_scores")}
            return cls(regions=regions, intent=data["intent"], answer=Answer.from_record(data["answer"]), **scores)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"This is not the JSON of an identification: {error!r}.") from error

    def to_json(self, indent: int | None = None) -> str:
        """The identification as JSON text; `from_json` reads it back."""
        data = {
            "answer": self.answer.to_record(),
            "intent": self.intent,
            "intent_scores": dict(self.intent_scores),
            "source_scores": dict(self.source_scores),
            "topic_scores": dict(self.topic_scores),
            "tag_scores": dict(self.tag_scores),
            "regions": [
                {
                    "box": list(region.box),
                    "score": region.score,
                    "label": region.label,
                    "matches": [{"item": match.item.to_record(), "rank": match.rank} for match in region.matches],
                }
                for region in self.regions
            ],
        }
        return json.dumps(data, indent=indent, ensure_ascii=False)


def _text(tensor: npt.NDArray[Any]) -> Any:
    """A BYTES tensor as (nested) lists of str."""
    decoded = [v.decode() if isinstance(v, bytes) else str(v) for v in tensor.ravel()]
    if tensor.ndim == 1:
        return decoded
    width = tensor.shape[1]
    return [decoded[row * width : (row + 1) * width] for row in range(tensor.shape[0])]


def _box(values: Sequence[float] | npt.NDArray[Any]) -> Box:
    x1, y1, x2, y2 = (float(v) for v in values)
    return x1, y1, x2, y2


def _named(names: Sequence[str], scores: npt.NDArray[Any]) -> dict[str, float]:
    values = np.asarray(scores, dtype=np.float32).ravel()
    if len(values) != len(names):
        raise InvalidInput(
            f"The reply holds {len(values)} scores where {len(names)} are named ({', '.join(names[:3])}…)."
        )
    return {name: float(value) for name, value in zip(names, values, strict=True)}
