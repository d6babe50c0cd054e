"""Requests reach Triton only with sizes, names and types that are right."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.gateway.inference_request import MODELS, InferenceRequest, Output, parse_http, parse_json

IMAGE = {"name": "IMAGE", "datatype": "UINT8", "shape": [3], "data": [1, 2, 3]}
OPERATION = {"name": "OPERATION", "datatype": "BYTES", "shape": [1], "data": ["stats"]}


def parse(inputs: Any, model: str = "identify", **more: Any) -> InferenceRequest:
    return parse_http(model, json.dumps({"inputs": inputs, **more}).encode(), None)


def parse_binary(tensor: dict[str, Any], rest: bytes, model: str = "identify") -> InferenceRequest:
    header = json.dumps({"inputs": [tensor]}).encode()
    return parse_http(model, header + rest, len(header))


def test_json_and_bytes_say_the_same() -> None:
    binary = {**IMAGE, "parameters": {"binary_data_size": 3}}
    del binary["data"]
    assert parse([IMAGE]).inputs == parse_binary(binary, b"\1\2\3").inputs == {"IMAGE": b"\1\2\3"}


def test_a_picture_alone_is_a_request() -> None:
    request = parse_http("identify", b"jpeg", 0)
    assert (request.inputs, request.binary) == ({"IMAGE": b"jpeg"}, True)


@pytest.mark.parametrize(
    ("more", "binary", "outputs"),
    [
        ({}, False, ()),
        ({"parameters": {"binary_data_output": True}}, True, ()),
        ({"outputs": [{"name": "BOXES"}]}, False, (Output("BOXES"),)),
        (
            {"outputs": [{"name": "BOXES", "parameters": {"binary_data": True}}]},
            False,
            (Output("BOXES", True),),
        ),
    ],
)
def test_outputs_come_as_asked(more: dict[str, Any], binary: bool, outputs: tuple[Output, ...]) -> None:
    request = parse([IMAGE], **more)
    assert (request.binary, request.outputs) == (binary, outputs)


INPUTS: dict[str, tuple[Any, str]] = {
    "no list": ({}, "inputs is a JSON list"),
    "no object": ([1], "An input is a JSON object"),
    "none": ([], "identify needs the input IMAGE"),
    "no name": ([{"datatype": "UINT8"}], "needs a name"),
    "name that is no text": ([{**IMAGE, "name": 1}], "needs a name"),
    "unknown": ([{**IMAGE, "name": "PICTURE"}], "no input 'PICTURE'"),
    "twice": ([IMAGE, IMAGE], "given twice"),
    "datatype": ([{**IMAGE, "datatype": "FP32"}], "datatype UINT8, not FP32"),
    "no datatype": ([{"name": "IMAGE", "shape": [1], "data": [1]}], "datatype UINT8"),
    "2^62": ([{**IMAGE, "shape": [1 << 62]}], "needs 4611686018427387904 values"),
    "2^64": ([{**IMAGE, "shape": [1 << 64]}], "one dimension"),
    "negative": ([{**IMAGE, "shape": [-1]}], "one dimension"),
    "two dimensions": ([{**IMAGE, "shape": [1, 3]}], "one dimension"),
    "no dimension": ([{**IMAGE, "shape": []}], "one dimension"),
    "shape of truth": ([{**IMAGE, "shape": [True], "data": [1]}], "one dimension"),
    "shape of a fraction": ([{**IMAGE, "shape": [3.0]}], "one dimension"),
    "shape of text": ([{**IMAGE, "shape": "3"}], "one dimension"),
    "fewer values": ([{**IMAGE, "data": [1, 2]}], "needs 3 values"),
    "nested values": ([{**IMAGE, "data": [[1], 2, 3]}], "whole numbers within 0..255"),
    "values beyond": ([{**IMAGE, "data": [1, 2, 256]}], "whole numbers within 0..255"),
    "negative values": ([{**IMAGE, "data": [1, 2, -1]}], "whole numbers within 0..255"),
    "great values": ([{**IMAGE, "data": [1, 2, 2**63]}], "whole numbers within 0..255"),
    "fractions": ([{**IMAGE, "data": [1, 2, 0.5]}], "whole numbers within 0..255"),
    "text": ([{**IMAGE, "data": "abc"}], "needs 3 values"),
    "empty": ([{**IMAGE, "shape": [0], "data": []}], "The image is empty"),
    "shared memory": ([{**IMAGE, "parameters": {"shared_memory_region": "a"}}], "'shared_memory_region'"),
    "bytes that are not there": ([{**IMAGE, "parameters": {"binary_data_size": 3}}], "states 3 bytes where 0"),
    "bytes of truth": ([{**IMAGE, "parameters": {"binary_data_size": True}}], "states True bytes"),
    "parameters that are none": ([{**IMAGE, "parameters": []}], "parameters of IMAGE is a JSON object"),
}


@pytest.mark.parametrize(("inputs", "words"), INPUTS.values(), ids=INPUTS)
def test_inputs_that_are_wrong(inputs: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse(inputs)


MORE: dict[str, tuple[dict[str, Any], str]] = {
    "outputs": ({"outputs": {}}, "outputs is a JSON list"),
    "output without name": ({"outputs": [{}]}, "needs a name"),
    "output twice": ({"outputs": [{"name": "BOXES"}] * 2}, "each output once"),
    "33 outputs": ({"outputs": [{"name": f"O{n}"} for n in range(33)]}, "each output once"),
    "output elsewhere": (
        {"outputs": [{"name": "BOXES", "parameters": {"shared_memory_region": "a"}}]},
        "'shared_memory_region'",
    ),
    "classes": ({"outputs": [{"name": "BOXES", "parameters": {"classification": 3}}]}, "'classification'"),
    "binary_data": ({"outputs": [{"name": "BOXES", "parameters": {"binary_data": 1}}]}, "true or false"),
    "parameters": ({"parameters": []}, "parameters is a JSON object"),
    "33 parameters": ({"parameters": {f"p{n}": 1 for n in range(33)}}, "at most 32 parameters"),
    "list as parameter": ({"parameters": {"boxes": [1]}}, "'boxes' is text, a number"),
    "null as parameter": ({"parameters": {"boxes": None}}, "'boxes' is text, a number"),
    "2^63": ({"parameters": {"top_k": 1 << 63}}, "does not fit 64 bits"),
    "long text": ({"parameters": {"text": "a" * 65537}}, "longer than 65536"),
    "long name": ({"parameters": {"a" * 65537: 1}}, "longer than 65536"),
    "id": ({"id": 5}, "id of a request is text"),
    "long id": ({"id": "a" * 257}, "at most 256"),
    "control in the id": ({"id": "a\nb"}, "printable"),
}


@pytest.mark.parametrize(("more", "words"), MORE.values(), ids=MORE)
def test_the_rest_that_is_wrong(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse([IMAGE], **more)


@pytest.mark.parametrize("model", ["decode", "", "identify/../decode", "a" * 1000, "IDENTIFY"])
def test_other_models_are_not_there(model: str) -> None:
    with pytest.raises(InvalidInput, match="the models are identify, embed, detect, catalogue"):
        parse([IMAGE], model)


@pytest.mark.parametrize("version", ["2", "01", "-1", "x", "1/../2"])
def test_another_version_is_not_there(version: str) -> None:
    with pytest.raises(InvalidInput, match="version"):
        InferenceRequest("identify", {"IMAGE": b"a"}, version=version)


@pytest.mark.parametrize(
    ("tensor", "rest", "words"),
    [
        ({"shape": [3], "parameters": {"binary_data_size": 4}}, b"abcd", "shape [3] and 4 bytes"),
        ({"shape": [4], "parameters": {"binary_data_size": 3}}, b"abc", "shape [4] and 3 bytes"),
        ({"shape": [4], "parameters": {"binary_data_size": -1}}, b"abc", "states -1 bytes"),
        ({"shape": [4], "parameters": {"binary_data_size": 1 << 62}}, b"abc", "bytes where 3 are there"),
        ({"shape": [3], "parameters": {"binary_data_size": 3}}, b"abcd", "1 bytes follow"),
    ],
)
def test_bytes_that_do_not_fit(tensor: dict[str, Any], rest: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_binary({"name": "IMAGE", "datatype": "UINT8", **tensor}, rest)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("length", "data"),
    [(1, b""), (1, b"\0\0\0"), (1, b"\5\0\0\0stat"), (1, b"\3\0\0\0stat"), (2, b"\1\0\0\0a\1\0\0\0b"), (0, b"")],
)
def test_texts_whose_lengths_are_wrong(length: int, data: bytes) -> None:
    tensor = {**OPERATION, "shape": [length], "parameters": {"binary_data_size": len(data)}}
    with pytest.raises(InvalidInput, match="one text"):
        parse_binary(tensor, data, "catalogue")


def test_a_text_is_one_text() -> None:
    assert parse([OPERATION], "catalogue").operation == "stats"
    for data in ([1], ["a", "b"], []):
        with pytest.raises(InvalidInput, match=r"one text|values"):
            parse([{**OPERATION, "shape": [len(data)], "data": data}], "catalogue")


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 150_000 + b"]" * 150_000, b"NaN", b'"\\ud800"', b"1 2"])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(InvalidInput, match="not JSON"):
        parse_json(text)


@pytest.mark.parametrize("length", [1, 99, 1 << 70])
def test_a_header_longer_than_the_body(length: int) -> None:
    with pytest.raises(InvalidInput, match=r"JSON"):
        parse_http("identify", b"", length)


@pytest.mark.parametrize(
    ("operation", "changes", "repeatable"),
    [("upsert", True, True), ("delete", True, True), ("feedback", False, False), ("get", False, True)],
)
def test_operations(operation: str, changes: bool, repeatable: bool) -> None:
    request = InferenceRequest("catalogue", {"OPERATION": operation.encode()})
    assert (request.operation, request.changes_catalogue, request.repeatable) == (operation, changes, repeatable)


names = st.sampled_from(("BOXES", "SCORES", "RESULT"))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = st.one_of(
    texts, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)


@st.composite
def requests(draw: st.DrawFn) -> InferenceRequest:
    model = draw(st.sampled_from(tuple(MODELS)))
    inputs = {name: draw(st.binary(min_size=1, max_size=50)) for name in MODELS[model]}
    parameters = draw(
        st.dictionaries(
            texts.filter(lambda name: name.isprintable() and name != "binary_data_output"), scalars, max_size=5
        )
    )
    outputs = tuple(Output(name, draw(st.booleans())) for name in draw(st.lists(names, unique=True)))
    id = draw(st.text("abc-123", max_size=20))
    return InferenceRequest(model, inputs, parameters, outputs, id, draw(st.booleans()))


@given(requests())
def test_what_is_written_reads_the_same(request: InferenceRequest) -> None:
    body, length = request.encode()
    assert parse_http(request.model, body, length) == request


lengths = st.one_of(st.none(), st.integers(0, 60))


@given(st.sampled_from((*MODELS, "decode")), st.binary(max_size=60), lengths)
def test_any_bytes_are_refused_in_one_sentence(model: str, body: bytes, length: int | None) -> None:
    only_refuses(model, body, length)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)


def sometimes(**usual: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these fields, of which each may be anything."""
    return st.fixed_dictionaries({}, optional={name: st.one_of(st.just(one), anything) for name, one in usual.items()})


tensors = sometimes(**IMAGE, parameters={"binary_data_size": 3}) | sometimes(**OPERATION, parameters={})
bodies = st.one_of(
    anything,
    st.fixed_dictionaries(
        {"inputs": st.lists(tensors | anything, max_size=3)},
        optional={
            "outputs": st.lists(sometimes(name="BOXES", parameters={"binary_data": True}), max_size=3),
            "parameters": st.dictionaries(st.text(max_size=5), anything, max_size=3),
            "id": anything,
        },
    ),
)


@given(st.sampled_from(tuple(MODELS)), bodies, st.binary(max_size=8))
@example("identify", {"inputs": [{**IMAGE, "data": [1, 2, 2**64 - 1]}]}, b"")
def test_any_json_is_refused_in_one_sentence(model: str, value: Any, rest: bytes) -> None:
    text = orjson.dumps(value)
    only_refuses(model, text, None)
    only_refuses(model, text + rest, len(text))


def only_refuses(model: str, body: bytes, length: int | None) -> None:
    try:
        request = parse_http(model, body, length)
    except InvalidInput as error:
        refusal: str | None = str(error)
    else:
        refusal = None
        again, header = request.encode()  # what is let through can be written
        assert parse_http(model, again, header).inputs == request.inputs
    assert refusal is None or (refusal.endswith(".") and len(refusal) < 400)


@pytest.mark.parametrize(("name", "value"), [("timeout", -1), ("timeout", "x"), ("priority", -1), ("priority", True)])
def test_tritons_own_parameters_are_checked(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"'{name}' is a whole number"):
        InferenceRequest("identify", {"IMAGE": b"a"}, {name: value})


@pytest.mark.parametrize("name", ["sequence_start", "a\x00b"])
def test_other_names_of_triton_are_no_parameters(name: str) -> None:
    with pytest.raises(InvalidInput, match="There is no parameter"):
        InferenceRequest("identify", {"IMAGE": b"a"}, {name: 1})


@pytest.mark.parametrize("text", [b"[" + b"[]," * 200_000 + b"1]", b"[" + b'"",' * 150_000 + b"1]", b" " * (9 << 20)])
def test_costly_json_is_not_read(text: bytes) -> None:
    with pytest.raises(InvalidInput, match="too much JSON"):
        parse_http("identify", text, None)
