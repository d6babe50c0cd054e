"""Every kind of bad option and malformed request, sent to a running server over raw HTTP and gRPC."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.refusals import Ask, refused
from whatsit.server.launcher import Server

pytestmark = pytest.mark.triton

# Options


@pytest.mark.parametrize(
    "boxes",
    [
        "",
        "not json",
        "{}",
        "7",
        "null",
        "[]",
        "[1, 2, 3, 4]",
        "[[1, 2, 3]]",
        "[[1, 2, 3, 4, 5]]",
        '[["a", 2, 3, 4]]',
        "[[1, 2, null, 4]]",
        "[[NaN, 2, 3, 4]]",
        "[[1, 2, Infinity, 4]]",
        "[[1, 2, 1e999, 4]]",
        "[[30, 2, 20, 40]]",
        "[[3, 40, 30, 20]]",
        "[[3, 4, 3, 20]]",
        "[[-50, -50, -10, -10]]",
        "[[5000, 5000, 5100, 5100]]",
        json.dumps([[1, 2, 30, 40]] * 32),
        json.dumps([[1, 2, 30, 40]] * 100_000),
        "[" * 100_000,
        "[[" + "9" * 5000 + ", 0, 1, 1]]",
    ],
    ids=lambda text: text[:24],
)
def test_boxes(ask: Ask, product: Path, boxes: str) -> None:
    refused(ask(product.read_bytes(), boxes=boxes), "boxes")


def test_boxes_that_reach_over_the_edge_are_cut(ask: Ask, photo: Image.Image, product: Path) -> None:
    reply = ask(product.read_bytes(), boxes=json.dumps([[-20, -1e9, photo.width / 2, photo.height * 2]]))
    assert reply.status == "ok", reply
    assert reply.tensors["BOXES"][4:] == [0, 0, photo.width / 2, photo.height]


def test_as_many_boxes_as_are_allowed(ask: Ask, product: Path) -> None:
    reply = ask(product.read_bytes(), boxes=json.dumps([[n, n, n + 40, n + 50] for n in range(31)]))
    assert reply.status == "ok", reply
    assert len(reply.tensors["BOXES"]) == 4 * 32


@pytest.mark.parametrize(
    "options",
    [
        {"topk": 5},
        {"Top_K": 5},
        {"": 5},
        {"top_k": 0},
        {"top_k": -3},
        {"top_k": 101},
        {"top_k": 2**40},
        {"top_k": "many"},
        {"top_k": ""},
        {"top_k": "9" * 5000},
        {"top_k": 2.5},
        {"top_k": True},
        {"min_score": -0.1},
        {"min_score": 2.1},
        {"min_score": "high"},
        {"min_score": "nan"},
        {"rerank": "magic"},
        {"rerank": "rank,,magic"},
        {"rerank": 3},
        {"text": ""},
        {"text": "?!"},
        {"text": "x" * 201},
        {"text": 3},
        {"gate": "maybe"},
        {"gate": 3},
        {"where": ""},
        {"where": "brand = x"},
        {"where": "[]"},
        {"where": "7"},
        {"where": '{"brand": {"$near": 3}}'},
        {"where": '{"$near": 3}'},
        {"where": '{"brand": {"$in": 3}}'},
        {"where": '{"price": {"$gt": {}}}'},
        {"where": "{" * 50_000},
        {"where": '{"$not": ' * 5000 + '{"brand": "x"}' + "}" * 5000},
        {"where": 5},
    ],
    ids=lambda options: str(options)[:40],
)
def test_options(ask: Ask, product: Path, options: dict[str, Any]) -> None:
    name = next(iter(options))
    refused(
        ask(product.read_bytes(), **options), name if name in {"top_k", "min_score", "rerank", "text", "gate"} else ""
    )


def test_a_bad_option_is_refused_by_every_ensemble(ask: Ask, product: Path) -> None:
    for model in ("embed", "detect"):
        assert ask(product.read_bytes(), model, top_k=0).status == "invalid"
        assert ask(b"no picture", model).status == "invalid"


def test_options_may_come_as_text_or_number(ask: Ask, product: Path) -> None:
    data = product.read_bytes()
    for top_k, min_score in ((2, 0.5), ("2", "0.5")):
        reply = ask(data, top_k=top_k, min_score=min_score, gate="off")
        assert reply.status == "ok", reply
        assert len(reply.tensors["ITEM_IDS"]) * 4 == len(reply.tensors["BOXES"]) * 2


# Requests that are malformed below the picture


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"{", b""),
        (b"{}", b""),
        (b'{"inputs": []}', b""),
        (b'{"inputs": [{"name": "PICTURE", "datatype": "UINT8", "shape": [3], "data": [1, 2, 3]}]}', b""),
        (b'{"inputs": [{"name": "IMAGE", "datatype": "FP32", "shape": [3], "data": [1, 2, 3]}]}', b""),
        (b'{"inputs": [{"name": "IMAGE", "datatype": "UINT8", "shape": [1, 3], "data": [1, 2, 3]}]}', b""),
        (b'{"inputs": [{"name": "IMAGE", "datatype": "UINT8", "shape": [-1], "data": [1, 2, 3]}]}', b""),
        (
            b'{"inputs": [{"name": "IMAGE", "datatype": "UINT8", "shape": [9],'
            b' "parameters": {"binary_data_size": 9}}]}',
            b"short",
        ),
    ],
)
def test_malformed_requests(server: Server, header: bytes, body: bytes) -> None:
    """Triton answers these itself before any model is asked, some with 500; the server must live through them."""
    request = urllib.request.Request(
        f"http://{server.http_url}/v2/models/identify/infer",
        data=header + body,
        headers={"Inference-Header-Content-Length": str(len(header))},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=120)
    assert caught.value.code in {400, 500}
    assert json.loads(caught.value.read())["error"]
