"""ImageNet's classes under the tags: complete, consistent, and right where anyone can check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.taxonomy import INTENTS, TAGS, TOPICS

from whatsit.evaluation.datasets.imagenet_tags import class_intents, class_tags, intent_matrix, tag_matrix, topic_matrix

# Tags that no ImageNet class shows; groceries teach them.
UNKNOWN_TO_IMAGENET = {"root and bulb", "milk and dairy"}


def test_every_class_but_background_has_one_tag_and_one_intent() -> None:
    assert class_tags()[0] is class_intents()[0] is None
    assert all(tag in TAGS for tag in class_tags()[1:])
    assert all(intent in INTENTS for intent in class_intents()[1:])
    np.testing.assert_array_equal(tag_matrix().sum(axis=1), [0, *[1] * 1000])
    np.testing.assert_array_equal(intent_matrix().sum(axis=1), [0, *[1] * 1000])


def test_classes_of_each_tag() -> None:
    counts = Counter(class_tags()[1:])
    assert {tag for tag in TAGS if not counts[tag]} == UNKNOWN_TO_IMAGENET
    assert counts["pet"] == 118 + 5 + 3  # dogs, cats, a rabbit and two rodents
    assert counts["pet"] + counts["wild animal"] == 398


def test_topics_partition_the_tags() -> None:
    assert topic_matrix().shape == (len(TAGS), len(TOPICS))
    np.testing.assert_array_equal(topic_matrix().sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "tag", "intent"),
    [
        ("tabby", "pet", "other"),
        ("Granny Smith", "fruit", "goods"),
        ("lemon", "citrus", "goods"),
        ("jean", "trousers", "apparel"),
        ("running shoe", "shoes", "apparel"),
        ("laptop", "computer and phone", "goods"),
        ("violin", "audio and instrument", "goods"),
        ("volcano", "landscape", "other"),
        ("grocery store", "building", "goods"),
        ("school bus", "vehicle", "other"),
        ("teddy", "toy", "goods"),
        ("groom", "person", "other"),
    ],
)
def test_classes_that_anyone_can_check(shared_weights: Path, name: str, tag: str, intent: str) -> None:
    lines = (shared_weights / "imagenet_labels_1001.txt").read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines) if line.split(",")[0] == name)
    assert (class_tags()[number], class_intents()[number]) == (tag, intent)
