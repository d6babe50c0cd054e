"""Every option of a call: what is taken, and the sentence for what is not."""

from __future__ import annotations

import json

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.pipeline.region_selection import check_boxes
from whatsit.serving.request_options import MAX_BOXES, Options


def test_defaults() -> None:
    assert Options.from_json("") == Options.from_json("{}") == Options()
    assert Options().top_k == 10
    assert Options.from_json('{"top_k": 3}') is Options.from_json('{"top_k": 3}'), "parsed once"
    assert Options().gate


def test_numbers_come_as_numbers_or_text() -> None:
    for top_k, min_score in ((3, 1.5), ("3", "1.5"), (3.0, 1.5)):
        options = Options.from_parameters({"top_k": top_k, "min_score": min_score})
        assert (options.top_k, options.min_score) == (3, 1.5)


def test_min_rank_is_the_deprecated_name_of_min_score() -> None:
    assert Options.from_parameters({"min_rank": "1.5"}) == Options(min_score=1.5)
    assert Options.from_parameters({"min_rank": 1.5, "min_score": 1.2}) == Options(min_score=1.2)
    with pytest.raises(InvalidInput, match="min_score must be"):
        Options.from_parameters({"min_rank": 3})


def test_boxes_where_rerank_and_gate() -> None:
    options = Options.from_json(
        json.dumps({"boxes": "[[1, 2, 30, 40]]", "where": '{"brand": "Acme"}', "rerank": "none", "gate": "off"})
    )
    assert options.boxes == ((1.0, 2.0, 30.0, 40.0),)
    assert options.where is not None
    assert options.where.matches({"brand": "Acme", "attributes": {}})
    assert options.rerank == "none"
    assert options.gate is False


def test_tritons_own_parameters_are_passed_over() -> None:
    assert Options.from_parameters({"triton_enable_empty_final_response": False}) == Options()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 0),
        ("top_k", 101),
        ("top_k", -1),
        ("top_k", 2.5),
        ("top_k", "many"),
        ("top_k", True),
        ("top_k", float("nan")),
        ("top_k", float("inf")),
        ("top_k", None),
        ("min_score", -0.1),
        ("min_score", 2.1),
        ("min_score", "nan"),
        ("min_score", "high"),
        ("boxes", "[]"),
        ("boxes", "[[1,2,3]]"),
        ("boxes", "[[1,2,3,4,5]]"),
        ("boxes", "[[30,2,1,40]]"),
        ("boxes", "[[1,2,1,2]]"),
        ("boxes", "[[NaN,2,30,40]]"),
        ("boxes", "[[1,2,Infinity,40]]"),
        ("boxes", "[[1,2,30,"),
        ("boxes", "7"),
        ("boxes", '{"x1": 1}'),
        ("boxes", "[" * 5000),
        ("boxes", json.dumps([[1, 2, 30, 40]] * (MAX_BOXES + 1))),
        ("where", "{brand"),
        ("where", "[1]"),
        ("where", '{"price": {"$near": 3}}'),
        ("rerank", "magic"),
        ("rerank", 3),
        ("gate", "ajar"),
    ],
)
def test_a_bad_value_is_named_in_one_sentence(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=name) as caught:
        Options.from_parameters({name: value})
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 400


def test_an_unknown_option_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"'topk'.*top_k, boxes"):
        Options.from_parameters({"topk": 3})


def test_boxes_outside_the_picture() -> None:
    check_boxes(((-5.0, -5.0, 10.0, 10.0),), 100, 50)
    for box in ((100.0, 0.0, 120.0, 20.0), (0.0, 50.0, 20.0, 60.0), (-20.0, 0.0, 0.0, 20.0)):
        with pytest.raises(InvalidInput, match=r"boxes\[1\].*100x50"):
            check_boxes(((0.0, 0.0, 10.0, 10.0), box), 100, 50)
