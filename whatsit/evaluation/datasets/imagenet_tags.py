"""ImageNet's classes grouped into Whatsit's tags.

Numbers are those of the teacher's 1001 outputs (`imagenet_labels_1001.txt`, 0 is background): 1..398 are animals, the
rest runs alphabetically through artefacts up to 916, then print, dishes, food, nature and people. `imagenet_tags.json`
lists the classes of each tag, and classes whose intent is not their tag's: `goods` are shops and market stalls (the tag
is building), `other` are apparatus, a parachute and a pole (the tag is a thing, but the pictures show people).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.taxonomy import INTENTS, TAG_TOPIC, TAGS, TOPICS

CLASSES = 1001

_APPAREL = {"clothing", "accessories"}
_OTHER = {"outdoors", "living"}


@cache
def _classes() -> Any:
    text = files("whatsit.evaluation.datasets").joinpath("imagenet_tags.json").read_text(encoding="utf-8")
    return json.loads(text)


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def tag_intent(tag: str) -> str:
    """Return the intent of a tag: apparel, goods or other."""
    topic = TAG_TOPIC[tag]
    return "apparel" if topic in _APPAREL else "other" if topic in _OTHER else "goods"


@cache
def class_tags() -> tuple[str | None, ...]:
    """Return the tag of each of the teacher's 1001 classes; None for background."""
    tags: list[str | None] = [None] * CLASSES
    for tag, text in _classes()["tags"].items():
        for number in _numbers(text):
            if tags[number] is not None:
                raise InvalidInput(f"ImageNet class {number} is listed under both {tags[number]!r} and {tag!r}.")
            tags[number] = tag
    return tuple(tags)


@cache
def class_intents() -> tuple[str | None, ...]:
    """Return the intent of each of the teacher's 1001 classes; None for background."""
    intents = [None if tag is None else tag_intent(tag) for tag in class_tags()]
    for intent in ("goods", "other"):
        for number in _numbers(_classes()[intent]):
            intents[number] = intent
    return tuple(intents)


def tag_matrix() -> npt.NDArray[np.float32]:
    """Return the 0/1 matrix f32 [1001, 42] from ImageNet's classes to tags."""
    matrix = np.zeros((CLASSES, len(TAGS)), np.float32)
    for number, tag in enumerate(class_tags()):
        if tag is not None:
            matrix[number, TAGS.index(tag)] = 1
    return matrix


def intent_matrix() -> npt.NDArray[np.float32]:
    """Return the 0/1 matrix f32 [1001, 3] from ImageNet's classes to intents."""
    matrix = np.zeros((CLASSES, len(INTENTS)), np.float32)
    for number, intent in enumerate(class_intents()):
        if intent is not None:
            matrix[number, INTENTS.index(intent)] = 1
    return matrix


def topic_matrix() -> npt.NDArray[np.float32]:
    """Return the 0/1 matrix f32 [42, 9] from tags to topics."""
    matrix = np.zeros((len(TAGS), len(TOPICS)), np.float32)
    for row, tag in enumerate(TAGS):
        matrix[row, TOPICS.index(TAG_TOPIC[tag])] = 1
    return matrix
