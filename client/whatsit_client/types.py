"""The one value that runs through Whatsit: an `Identification` and its parts, checked when they are made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS

if TYPE_CHECKING:
    from PIL import Image

Box = tuple[float, float, float, float]

_TEXT_FIELDS = ("id", "title", "brand", "category", "image", "url")
_ITEM_FIELDS = (*_TEXT_FIELDS, "price")
_SCORES = ("intent_scores", "source_scores", "topic_scores", "tag_scores")
_TOLERANCE = 1e-3  # float32 sums and roots end a little beside 0, 1 and 2


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
        for name in _TEXT_FIELDS:
            if not isinstance(getattr(self, name), str):
                raise InvalidInput(f"The {name} of item '{self.id}' is {getattr(self, name)!r}; give a text.")
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
        score: 2 - L2 distance of the two unit vectors, 0..2; higher is more alike.
        inliers: points of print that it has in common with the region; None where the stage `geometry` did not run.
        confidence: probability that it is this item, 0..1; None where the stage `learned` did not run.
    """

    item: Item
    score: float
    inliers: int | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not -_TOLERANCE <= self.score <= 2.0 + _TOLERANCE:
            raise InvalidInput(f"The score of item '{self.item.id}' is {self.score}; scores lie within 0..2.")

    @property
    def rank(self) -> float:
        """Deprecated name of `score`."""
        return self.score


@dataclass(frozen=True)
class Region:
    """A part of the picture and the items it may be, best first.

    Args:
        box: x1, y1, x2, y2 in pixels of the upright picture.
        score: how sure the detector is, 0..1 (1 for the whole picture and for a caller's own box).
        label: the detector's class, "image" for the whole picture, "caller" for a caller's own box.
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
        _check_probability("score of a region", self.score)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Region:
        """Build a region from one of `to_record`."""
        x1, y1, x2, y2 = (float(v) for v in record["box"])
        found = tuple(
            Match(
                Item.from_record(match["item"]),
                float(match["score"] if "score" in match else match["rank"]),  # JSON of 0.1 has no score
                match.get("inliers"),
                match.get("confidence"),
            )
            for match in record["matches"]
        )
        return cls((x1, y1, x2, y2), float(record["score"]), str(record["label"]), found)

    def to_record(self) -> dict[str, Any]:
        """The region as a JSON object."""
        matches = [
            {
                "item": match.item.to_record(),
                "score": match.score,
                "rank": match.score,  # deprecated
                **({} if match.inliers is None else {"inliers": match.inliers}),
                **({} if match.confidence is None else {"confidence": match.confidence}),
            }
            for match in self.matches
        ]
        return {"box": list(self.box), "score": self.score, "label": self.label, "matches": matches}


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
        _check_probability("confidence", self.confidence)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answer:
        """Build an answer from the JSON object of `ANSWER`; unknown keys are ignored, null is the default."""
        known = {key: record[key] for key in cls.__dataclass_fields__ if record.get(key) is not None}
        return cls(**{**known, "ids": tuple(record.get("ids") or ())})

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
        for name in _SCORES:
            for key, value in getattr(self, name).items():
                _check_probability(f"'{key}' of {name}", value)
        if self.answer.region is not None and not 0 <= self.answer.region < len(self.regions):
            raise InvalidInput(f"The answer names region {self.answer.region} of {len(self.regions)}.")

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the upright picture in pixels."""
        return self.regions[0].box[2], self.regions[0].box[3]

    @property
    def gated(self) -> bool:
        """Whether the picture shows none of the catalogue's kind (intent `other`)."""
        return self.intent == "other"

    def top_tags(self, count: int = 3) -> tuple[tuple[str, float], ...]:
        """The `count` most likely tags with their probabilities, best first."""
        return tuple(sorted(self.tag_scores.items(), key=lambda pair: -pair[1])[:count])

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Identification:
        """Build from the outputs of the Triton ensemble `identify`; see `whatsit_client.tensors`.

        Raises:
            InvalidInput: a tensor is missing or does not fit the others.
        """
        from whatsit_client.tensors import read_identification

        return read_identification(tensors)

    @classmethod
    def from_json(cls, text: str) -> Identification:
        """The inverse of `to_json`.

        Raises:
            InvalidInput: the text is not an identification.
        """
        try:
            data = json.loads(text)
            return cls(
                regions=tuple(Region.from_record(region) for region in data["regions"]),
                intent=data["intent"],
                answer=Answer.from_record(data["answer"]),
                **{name: {key: float(value) for key, value in data[name].items()} for name in _SCORES},
            )
        except InvalidInput:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"This is not the JSON of an identification: {error!r}.") from error

    def to_json(self, indent: int | None = None) -> str:
        """The identification as JSON text; `from_json` reads it back."""
        data = {
            "answer": self.answer.to_record(),
            "intent": self.intent,
            **{name: dict(getattr(self, name)) for name in _SCORES},
            "regions": [region.to_record() for region in self.regions],
        }
        return json.dumps(data, indent=indent, ensure_ascii=False)

    def draw(self, image: str | Path | bytes | Image.Image | npt.NDArray[np.uint8], matches: int = 3) -> Image.Image:
        """The photo with its boxes, and beside it the best `matches` of each; see `whatsit_client.drawing`."""
        from whatsit_client.drawing import draw

        return draw(self, image, matches)

    def table(self, matches: int = 3) -> str:
        """The answer and the best `matches` of each region as plain text; `str(identification)` is the same."""
        from whatsit_client.text_table import table

        return table(self, matches)

    def __str__(self) -> str:
        return self.table()


@dataclass(frozen=True, eq=False)
class Embedding:
    """The vectors of one picture's regions, as the ensemble `embed` gives them.

    Args:
        regions: N regions without matches; region 0 is the whole picture.
        vectors: float32 [N,D], each row of length 1.
        intent: the most likely of `INTENTS`.
        intent_scores: one probability per name of `INTENTS`.
    """

    regions: tuple[Region, ...]
    vectors: npt.NDArray[np.float32]
    intent: str
    intent_scores: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.regions):
            raise InvalidInput(f"Vectors of shape {self.vectors.shape} do not fit {len(self.regions)} regions.")


def _check_probability(what: str, value: float) -> None:
    if not -_TOLERANCE <= value <= 1.0 + _TOLERANCE:
        raise InvalidInput(f"The {what} is {value}; it lies within 0..1.")
