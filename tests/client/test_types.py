"""The value types: what they refuse, and that JSON and tensors lose nothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from whatsit_client import Answer, Identification, InvalidInput, Item, Match, Region, draw
from whatsit_client.identification import format_table
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS
from whatsit_client.tensors import read_detection, read_embedding, read_identification

probabilities = st.floats(0, 1, width=32)
texts = st.text(max_size=12)
values = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | texts
fields = {"id", "title", "brand", "category", "image", "price", "url", "attributes"}
items = st.builds(
    Item,
    id=st.text(min_size=1, max_size=12),
    title=texts,
    brand=texts,
    category=texts,
    image=texts,
    price=st.none() | st.floats(-1e6, 1e6),
    url=texts,
    attributes=st.dictionaries(texts.filter(lambda name: name not in fields), values, max_size=3),
)
matches = st.builds(Match, items, st.floats(0, 2, width=32))


@st.composite
def regions(draw: st.DrawFn) -> Region:
    x, y, w, h = (draw(st.floats(0, 4096, width=32)) for _ in range(4))
    box = tuple(float(np.float32(v)) for v in (x, y, x + w, y + h))
    return Region(box, draw(probabilities), draw(texts), tuple(draw(st.lists(matches, max_size=3))))  # type: ignore[arg-type]  # four sides


@st.composite
def identifications(draw: st.DrawFn) -> Identification:
    found = tuple(draw(st.lists(regions(), min_size=1, max_size=3)))
    answer = Answer(
        found=draw(st.booleans()),
        title=draw(texts),
        confidence=draw(probabilities),
        ids=tuple(draw(st.lists(texts, max_size=3))),
        region=draw(st.none() | st.integers(0, len(found) - 1)),
    )
    scores = ({name: draw(probabilities) for name in names} for names in (INTENTS, SOURCES, TOPICS, TAGS))
    return Identification(found, draw(st.sampled_from(INTENTS)), *scores, answer)


def as_tensors(result: Identification) -> dict[str, Any]:
    """What a server would send, written independently of the reader."""
    width = max(len(region.matches) for region in result.regions)
    shape = (len(result.regions), width)
    ids, records = np.full(shape, b"", object), np.full(shape, b"", object)
    scores = np.zeros(shape, np.float32)
    for row, region in enumerate(result.regions):
        for column, match in enumerate(region.matches):
            ids[row, column] = match.item.id.encode()
            records[row, column] = json.dumps(match.item.to_record()).encode()
            scores[row, column] = match.score
    return {
        "BOXES": np.array([region.box for region in result.regions], np.float32),
        "BOX_SCORES": np.array([region.score for region in result.regions], np.float32),
        "BOX_LABELS": np.array([region.label.encode() for region in result.regions], object),
        "ITEM_IDS": ids,
        "ITEM_SCORES": scores,
        "ITEM_RECORDS": records,
        "INTENT": np.array([result.intent.encode()], object),
        "INTENT_SCORES": np.array(list(result.intent_scores.values()), np.float32),
        "SOURCE_SCORES": np.array(list(result.source_scores.values()), np.float32),
        "TOPIC_SCORES": np.array(list(result.topic_scores.values()), np.float32),
        "TAG_SCORES": np.array(list(result.tag_scores.values()), np.float32),
        "ANSWER": np.array([json.dumps(result.answer.to_record()).encode()], object),
    }


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(identifications())
def test_json_brings_back_the_same_value(result: Identification) -> None:
    assert Identification.from_json(result.to_json()) == result


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(identifications())
def test_tensors_bring_back_the_same_value(result: Identification) -> None:
    assert read_identification(as_tensors(result)) == result


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(identifications())
def test_every_identification_prints(result: Identification) -> None:
    lines = str(result).splitlines()
    assert len(lines) >= 4 + len(result.regions)


@pytest.mark.parametrize(
    "name",
    ["BOXES", "BOX_SCORES", "BOX_LABELS", "ITEM_IDS", "ITEM_SCORES", "ITEM_RECORDS", "INTENT", "TAG_SCORES", "ANSWER"],
)
def test_a_missing_tensor_is_named(reply: dict[str, Any], name: str) -> None:
    del reply[name]
    with pytest.raises(InvalidInput, match=name):
        read_identification(reply)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOXES", np.zeros((2, 3), np.float32)),
        ("BOXES", np.zeros((1, 4), np.float32)),
        ("BOXES", np.array([[0, 0, 1, 1], [5, 5, 1, 1]], np.float32)),
        ("BOXES", np.full((2, 4), np.nan, np.float32)),
        ("BOX_SCORES", np.array([1, np.nan], np.float32)),
        ("BOX_SCORES", np.zeros(3, np.float32)),
        ("BOX_LABELS", np.array([b"image", b"\xff"], object)),
        ("ITEM_IDS", np.full((2, 1), b"x", object)),
        ("ITEM_SCORES", np.full((2, 2), 3, np.float32)),
        ("ITEM_RECORDS", np.full((2, 2), b"{", object)),
        ("ITEM_RECORDS", np.full((2, 2), b"[]", object)),
        ("ITEM_RECORDS", np.full((2, 2), b"{}", object)),
        ("ITEM_RECORDS", np.full((2, 2), b'{"id": 5}', object)),
        ("ITEM_RECORDS", np.full((2, 2), b'{"id": "a", "price": "much"}', object)),
        ("ITEM_RECORDS", np.full((2, 2), b'{"id": "a", "attributes": 7}', object)),
        ("INTENT", np.array([], object)),
        ("INTENT", np.array([b"weather"], object)),
        ("INTENT_SCORES", np.zeros(2, np.float32)),
        ("TAG_SCORES", np.full(len(TAGS), 7, np.float32)),
        ("ANSWER", np.array([b"not json"], object)),
        ("ANSWER", np.array([b"[]"], object)),
        ("ANSWER", np.array([b"{}"], object)),
        ("ANSWER", np.array([b'{"found": true, "confidence": 2}'], object)),
        ("ANSWER", np.array([b'{"found": true, "region": 9}'], object)),
    ],
)
def test_tensors_that_do_not_fit_are_refused(reply: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        read_identification({**reply, name: value})


@pytest.mark.parametrize("text", ["", "[]", "{}", "7", '{"regions": []}', '{"regions": [1]}', "null"])
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Identification.from_json(text)


def test_unknown_keys_of_a_record_become_attributes() -> None:
    item = Item.from_record({"id": "a", "colour": "red", "attributes": {"size": 3}, "title": None})
    assert item == Item("a", attributes={"size": 3, "colour": "red"})


def test_embeddings_and_regions_belong_together(reply: dict[str, Any]) -> None:
    embedding = read_embedding({**reply, "EMBEDDINGS": np.eye(2, 128, dtype=np.float32)})
    assert [region.label for region in embedding.regions] == ["image", "object"]
    assert read_detection(reply) == embedding.regions
    with pytest.raises(InvalidInput, match="do not fit 2 regions"):
        read_embedding({**reply, "EMBEDDINGS": np.eye(3, 128, dtype=np.float32)})


def test_the_table_names_boxes_scores_and_titles(reply: dict[str, Any]) -> None:
    text = format_table(read_identification(reply), matches=1)
    assert "Tea 0 (80% sure)" in text
    assert "1 object 0.75  10 20 60 70  1.500  sku0  Tea 0" in text
    assert "sku1" not in text
    assert "no match" in text


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(identifications())
def test_the_deprecated_rank_is_the_score(result: Identification) -> None:
    for region in result.regions:
        assert [match.rank for match in region.matches] == [match.score for match in region.matches]
    data = json.loads(result.to_json())
    for match in (match for region in data["regions"] for match in region["matches"]):
        assert match["rank"] == match.pop("score")
    assert Identification.from_json(json.dumps(data)) == result


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(identifications())
def test_tensors_of_a_server_without_item_scores_are_read(result: Identification) -> None:
    tensors = as_tensors(result)
    tensors["ITEM_RANKS"] = tensors.pop("ITEM_SCORES")
    assert read_identification(tensors) == result


def test_deprecated_methods_call_their_replacements(reply: dict[str, Any]) -> None:
    with pytest.warns(DeprecationWarning, match=r"whatsit_client\.tensors\.read_identification"):
        result = Identification.from_tensors(reply)
    assert result == read_identification(reply)
    with pytest.warns(DeprecationWarning, match="format_table"):
        assert result.table(2) == format_table(result, 2)
    photo = Image.new("RGB", (64, 48), "grey")
    with pytest.warns(DeprecationWarning, match=r"whatsit_client\.draw") as seen:
        drawn = result.draw(photo, 2)
    assert seen[0].filename == __file__
    assert drawn.tobytes() == draw(result, photo, 2).tobytes()
