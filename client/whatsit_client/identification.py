"""Results of `identify` and `embed`, checked when made, and their form as text."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS
from whatsit_client.types import Answer, Match, Region, check_probability

if TYPE_CHECKING:
    from PIL import Image

_SCORES = ("intent_scores", "source_scores", "topic_scores", "tag_scores")
_TITLE_WIDTH = 44


@dataclass(frozen=True)
class Identification:
    """The result of `identify` for one picture.

    Args:
        regions: region 0 is the whole picture; then the detector's or the caller's boxes.
        intent: the most likely of `INTENTS`.
        intent_scores: one probability per name of `INTENTS`.
        source_scores: one probability per name of `SOURCES`.
        topic_scores: one probability per name of `TOPICS`.
        tag_scores: one probability per name of `TAGS`.
        answer: which item it is, how probably, and why.
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
                check_probability(f"'{key}' of {name}", value)
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
        """Return the `count` most likely tags with their probabilities, best first."""
        return tuple(sorted(self.tag_scores.items(), key=lambda pair: -pair[1])[:count])

    @classmethod
    def from_json(cls, text: str) -> Identification:
        """Build an identification from the text of `to_json`.

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
        """Return the identification as JSON text."""
        data = {
            "answer": self.answer.to_record(),
            "intent": self.intent,
            **{name: dict(getattr(self, name)) for name in _SCORES},
            "regions": [region.to_record() for region in self.regions],
        }
        return json.dumps(data, indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        return format_table(self)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Identification:
        """Call `whatsit_client.tensors.read_identification`. Deprecated."""
        result: Identification = _replacement("from_tensors", "whatsit_client.tensors", "read_identification")(tensors)
        return result

    def draw(self, image: Any, matches: int = 3) -> Image.Image:
        """Call `whatsit_client.draw`. Deprecated."""
        picture: Image.Image = _replacement("draw", "whatsit_client", "draw")(self, image, matches)
        return picture

    def table(self, matches: int = 3) -> str:
        """Call `format_table`. Deprecated."""
        return str(_replacement("table", "whatsit_client.identification", "format_table")(self, matches))


@dataclass(frozen=True, eq=False)
class Embedding:
    """The result of `embed` for one picture.

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


def format_table(result: Identification, matches: int = 3) -> str:
    """Return answer, intent, tags and the best `matches` of each region as text."""
    rows = [("region", "box", "score", "item", "title")]
    for index, region in enumerate(result.regions):
        place = f"{index} {region.label} {region.score:.2f}"
        box = " ".join(f"{value:.0f}" for value in region.box)
        for match in region.matches[:matches]:
            rows.append((place, box, f"{match.score:.3f}", match.item.id, _title(match)))
            place = box = ""
        if not region.matches:
            rows.append((place, box, "-", "", "no match"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([headline(result), summary(result), "", *lines])


def headline(result: Identification) -> str:
    """Return the answer in one line."""
    answer = result.answer
    if answer.found:
        return f"{described(answer.title, answer.brand, answer.category)} ({answer.confidence:.0%} sure)"
    if answer.state == "not_searched":
        return "Not searched: the picture seems to show nothing that a catalogue holds"
    if answer.state == "unsure":
        return f"Not sure: {' or '.join(closest_titles(result))}"
    return f"Not in the catalogue: {answer.why}" if answer.why else "Not in the catalogue"


def closest_titles(result: Identification) -> list[str]:
    """Return the titles of the items that an unsure answer is between, best first."""
    answer = result.answer
    matches = result.regions[answer.region].matches if answer.region is not None else ()
    titles = [match.item.title or match.item.id for match in matches if match.item.id in answer.closest]
    return list(dict.fromkeys(titles))


def summary(result: Identification) -> str:
    """Return intent, source and the most likely tags in one line."""
    parts = [f"{result.intent} {result.intent_scores.get(result.intent, 0.0):.0%}"]
    if result.source_scores:
        source = max(result.source_scores, key=lambda name: result.source_scores[name])
        parts.append(f"{source} {result.source_scores[source]:.0%}")
    parts += [f"{name} {score:.0%}" for name, score in result.top_tags()]
    return ", ".join(parts)


def described(title: str, *more: str) -> str:
    """Return a title and the parts that it does not contain, in one line."""
    parts = [title] if title else []
    for part in more:
        if part and part.casefold() not in " · ".join(parts).casefold():
            parts.append(part)
    return " · ".join(parts)


def clues(match: Match) -> list[str]:
    """Return the code and the words that speak for a match, in a few words each."""
    found = [f"code {match.code}"] if match.code else []
    return [*found, f"reads {' '.join(match.words)}"] if match.words else found


def _title(match: Match) -> str:
    title = described(match.item.title or match.item.id, match.item.brand)
    return title if len(title) <= _TITLE_WIDTH else title[: _TITLE_WIDTH - 1] + "…"


def _replacement(method: str, module: str, function: str) -> Any:
    """Warn about a deprecated method and return the function that replaces it."""
    message = f"Identification.{method} goes in version 0.4: call {module}.{function} instead."
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    # By name: these modules import this one.
    return getattr(importlib.import_module(module), function)
