"""Parts of an `Identification`: items, matches, regions and the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whatsit_client.errors import InvalidInput

Box = tuple[float, float, float, float]

_TEXT_FIELDS = ("id", "title", "brand", "category", "image", "url")
_ITEM_FIELDS = (*_TEXT_FIELDS, "price")
_EVIDENCE = ("inliers", "confidence", "code", "words", "picture", "box")
_TOLERANCE = 1e-3  # rounding of float32 sums and roots near 0, 1 and 2


@dataclass(frozen=True)
class Item:
    """An item of a catalogue.

    Args:
        id: the owner's own identifier, unique in the catalogue.
        title: what a person calls it.
        brand: maker or label, "" where unknown.
        category: the owner's category, "" where unknown.
        image: path or URL of the main picture, "" where unknown.
        price: in the catalogue's currency, None where unknown.
        url: web page of the item, "" where unknown.
        attributes: further fields of the catalogue's record.
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
        """Build an item from a JSON object; unknown keys become attributes."""
        known = {name: record[name] for name in _ITEM_FIELDS if record.get(name) is not None}
        extra = {key: value for key, value in record.items() if key not in {*_ITEM_FIELDS, "attributes"}}
        return cls(**known, attributes={**(record.get("attributes") or {}), **extra})

    def to_record(self) -> dict[str, Any]:
        """Return the item as a JSON object."""
        return {**{name: getattr(self, name) for name in _ITEM_FIELDS}, "attributes": dict(self.attributes)}


@dataclass(frozen=True)
class Match:
    """A catalogue item that resembles a region.

    Args:
        item: the item.
        score: 2 - L2 distance of the two unit vectors, 0..2; higher is more alike.
        inliers: local features verified by the stage `geometry`; None where it did not run.
        confidence: probability that it is this item, 0..1; None where the stage `learned` did not run.
        code: the item's own code (EAN, UPC, ISBN, SKU) that was read off the picture, None where none was.
        words: words read off the picture that stand in the item's text; None where the stage `read` did not run.
        picture: position of the item's picture that matched, 0 for the main one; None where the catalogue indexes no
            objects.
        box: where in that picture the thing is, x1, y1, x2, y2 in pixels, upright; None for all of it.
    """

    item: Item
    score: float
    inliers: int | None = None
    confidence: float | None = None
    code: str | None = None
    words: tuple[str, ...] | None = None
    picture: int | None = None
    box: Box | None = None

    def __post_init__(self) -> None:
        if not -_TOLERANCE <= self.score <= 2.0 + _TOLERANCE:
            raise InvalidInput(f"The score of item '{self.item.id}' is {self.score}; scores lie within 0..2.")

    @property
    def rank(self) -> float:
        """Deprecated name of `score`."""
        return self.score

    @classmethod
    def of(cls, item: Item, score: float, evidence: Mapping[str, Any]) -> Match:
        """Build a match from what the server says of it; unknown keys are ignored."""
        known = {name: evidence[name] for name in _EVIDENCE if evidence.get(name) is not None}
        if "words" in known:
            known["words"] = tuple(known["words"])
        if "box" in known:
            known["box"] = read_box(known["box"])
        return cls(item, score, **known)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Match:
        """Build a match from the JSON object of `to_record`."""
        score = float(record["score"] if "score" in record else record["rank"])  # JSON of 0.1 has no score
        return cls.of(Item.from_record(record["item"]), score, record)

    def to_record(self) -> dict[str, Any]:
        """Return the match as a JSON object."""
        known = {name: getattr(self, name) for name in _EVIDENCE if getattr(self, name) is not None}
        known |= {name: list(known[name]) for name in ("words", "box") if name in known}
        return {"item": self.item.to_record(), "score": self.score, "rank": self.score, **known}  # rank is deprecated


@dataclass(frozen=True)
class Region:
    """A part of the picture and the items it may be, best first.

    Args:
        box: x1, y1, x2, y2 in pixels of the upright picture.
        score: the detector's score, 0..1 (1 for the whole picture and for a caller's own box).
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
        check_probability("score of a region", self.score)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Region:
        """Build a region from the JSON object of `to_record`."""
        x1, y1, x2, y2 = (float(v) for v in record["box"])
        found = tuple(Match.from_record(match) for match in record["matches"])
        return cls((x1, y1, x2, y2), float(record["score"]), str(record["label"]), found)

    def to_record(self) -> dict[str, Any]:
        """Return the region as a JSON object."""
        matches = [match.to_record() for match in self.matches]
        return {"box": list(self.box), "score": self.score, "label": self.label, "matches": matches}


STATES = ("found", "unsure", "not_found", "not_searched")
REASONS = {
    "look": "it looks like the item's picture",
    "print": "its print is that of the item's picture",
    "words": "the words on it are the item's",
    "code": "its code is the item's",
    "equally_likely": "two items are equally likely",
    "print_differs": "the print differs from that of the nearest item",
    "not_sure": "the nearest item is not near enough",
    "nothing_near": "nothing in the catalogue is near",
    "gate": "the picture shows nothing that a catalogue holds, so nothing was searched",
}


@dataclass(frozen=True)
class RegionAnswer:
    """What one region shows.

    Args:
        state: one of `STATES`.
        probability: that the region's first match is the item that it shows, 0..1.
        reason: a key of `REASONS`.
    """

    state: str
    probability: float = 0.0
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise InvalidInput(f"The state of an answer is {', '.join(STATES)}, not '{self.state}'.")
        check_probability("probability", self.probability)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> RegionAnswer:
        """Build the answer of a region from a JSON object; unknown keys are ignored."""
        return cls(**{key: record[key] for key in cls.__dataclass_fields__ if key in record})

    def to_record(self) -> dict[str, Any]:
        """Return the answer of the region as a JSON object."""
        return {"state": self.state, "probability": self.probability, "reason": self.reason}


@dataclass(frozen=True)
class Answer:
    """What the picture shows.

    Args:
        found: whether `state` is "found"; False means that no item is named.
        title: of the item, "" where none was found.
        brand: of the item.
        category: of the item.
        image: main picture of the item.
        confidence: `probability` where an item was found, else 0.
        ids: the item, then the other matches of its category and brand, best first.
        region: index of the region that decided; None where no region has a match.
        state: one of `STATES`; "" from servers up to 0.2.
        probability: that the first match of that region is right, 0..1.
        reason: a key of `REASONS`.
        closest: ids of the nearest one to three items, whatever the state.
        calibrated: whether the server's catalogue was calibrated for its networks.
        regions: the same for each region; empty from servers up to 0.2.
    """

    found: bool
    title: str = ""
    brand: str = ""
    category: str = ""
    image: str = ""
    confidence: float = 0.0
    ids: tuple[str, ...] = ()
    region: int | None = None
    state: str = ""
    probability: float = 0.0
    reason: str = ""
    closest: tuple[str, ...] = ()
    calibrated: bool = False
    regions: tuple[RegionAnswer, ...] = ()

    def __post_init__(self) -> None:
        check_probability("confidence", self.confidence)
        check_probability("probability", self.probability)

    def names(self, region: int) -> bool:
        """Return whether a region may be tagged with its matches.

        It is found or unsure, or the server does not say.
        """
        return self.state_of(region) in ("", "found", "unsure")

    def state_of(self, region: int) -> str:
        """Return the state of a region, "" where the server does not say."""
        return self.regions[region].state if region < len(self.regions) else ""

    @property
    def why(self) -> str:
        """Return the reason as words, "" where the server gave none."""
        return REASONS.get(self.reason, "")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answer:
        """Build an answer from a JSON object; unknown keys are ignored."""
        known = {key: record[key] for key in cls.__dataclass_fields__ if record.get(key) is not None}
        regions = [RegionAnswer.from_record(one) for one in record.get("regions") or ()]
        lists = {name: tuple(record.get(name) or ()) for name in ("ids", "closest")}
        return cls(**{**known, **lists, "regions": tuple(regions)})

    def to_record(self) -> dict[str, Any]:
        """Return the answer as a JSON object."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        regions = [region.to_record() for region in self.regions]
        return {**plain, "ids": list(self.ids), "closest": list(self.closest), "regions": regions}


def read_box(sides: Any) -> Box:
    """Return the four sides x1, y1, x2, y2 as a box."""
    x1, y1, x2, y2 = (float(side) for side in sides)
    return x1, y1, x2, y2


def check_probability(what: str, value: float) -> None:
    """Raise `InvalidInput` unless a value lies within 0..1."""
    if not -_TOLERANCE <= value <= 1.0 + _TOLERANCE:
        raise InvalidInput(f"The {what} is {value}; it lies within 0..1.")
