"""Every route of the REST API, through the gateway to a real Triton."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.gateway.conftest import Call, Running
from tests.gateway.fakes import Answer

pytestmark = pytest.mark.triton
JSON = {"content_type": "application/json"}


def put(call: Call, id: str, fields: dict[str, Any], **headers: str) -> Answer:
    path = f"/v1/items/{quote(id, safe='')}"
    return call("PUT", path, "edit", json.dumps(fields).encode(), **{**JSON, **headers})


def form(**fields: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a multipart body and its headers."""
    parts = []
    for name, value in fields.items():
        file = b'; filename="a.jpg"' if name == "image" else b""
        head = b'--limit\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + file + b"\r\n\r\n"
        parts.append(head + value + b"\r\n")
    return b"".join(parts) + b"--limit--\r\n", {"content_type": "multipart/form-data; boundary=limit"}


def make(call: Call, gateway: Running, id: str, **fields: str) -> Answer:
    """Add an item with the gateway's picture."""
    body, headers = form(item=json.dumps(fields).encode(), image=gateway.target.picture)
    return call("PUT", f"/v1/items/{quote(id, safe='')}", "edit", body, **headers)


@pytest.fixture
def item(call: Call, gateway: Running) -> Iterator[str]:
    assert make(call, gateway, "own", title="An own thing", brand="Whatsit").status == 201
    yield "own"
    call("DELETE", "/v1/items/own", "edit")


@pytest.fixture
def known(call: Call) -> str:
    """An item of the catalogue."""
    return str(call("GET", "/v1/items?limit=1").json["items"][0]["id"])


def test_identify_says_what_a_picture_shows(call: Call, gateway: Running, product: Path) -> None:
    found = call("POST", "/v1/identify?gate=false&top_k=3", body=gateway.target.picture).json
    best = found["regions"][0]["matches"][0]["item"]
    assert (best["id"], len(found["regions"][0]["matches"])) == (product.stem, 3)
    assert best["image"] == f"/v1/items/{product.stem}/image"
    assert call("GET", best["image"]).status == 200
    body, headers = form(image=gateway.target.picture)
    assert call("POST", "/v1/identify?gate=false&top_k=3", body=body, **headers).json == found
    packed = gzip.compress(gateway.target.picture)
    assert call("POST", "/v1/identify?gate=false&top_k=3", body=packed, content_encoding="gzip").json == found


def test_options_reach_the_server(call: Call, gateway: Running) -> None:
    picture = gateway.target.picture
    where = quote(json.dumps({"brand": "no such brand"}))
    assert call("POST", f"/v1/identify?gate=false&where={where}", body=picture).json["regions"][0]["matches"] == []
    boxes = quote("[[1,1,90,90]]")
    assert call("POST", f"/v1/detect?boxes={boxes}", body=picture).json["regions"][1]["box"] == [1, 1, 90, 90]


def test_detect_and_embed(call: Call, gateway: Running) -> None:
    detected = call("POST", "/v1/detect?gate=false", body=gateway.target.picture).json["regions"]
    embedded = call("POST", "/v1/embed?gate=false", body=gateway.target.picture).json
    assert [region["box"] for region in detected] == [region["box"] for region in embedded["regions"]]
    assert {len(vector) for vector in embedded["vectors"]} == {128}
    assert sum(value * value for value in embedded["vectors"][0]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("path", ["identify", "detect", "embed", "feedback?id=a"])
@pytest.mark.parametrize("body", [b"", b"no picture", b"\xff\xd8\xff"])
def test_what_is_no_picture(call: Call, path: str, body: bytes) -> None:
    reply = call("POST", f"/v1/{path}", body=body)
    assert (reply.status, reply.headers["content-type"]) == (400, "application/problem+json")
    assert reply.json["detail"].endswith(".")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("top_k=0", 422),
        ("top_k=a", 422),
        ("min_score=3", 422),
        ("gate=perhaps", 422),
        ("boxes=1", 400),
        ("boxes=[[1,2]]", 400),
        ('boxes=[["a",1,1,1]]', 400),
        ("where=1", 400),
        ("where={", 400),
        ("rerank=no-such-stage", 400),
    ],
)
def test_options_that_are_wrong(call: Call, gateway: Running, query: str, status: int) -> None:
    reply = call("POST", f"/v1/identify?{quote(query, safe='=&')}", body=gateway.target.picture)
    assert (reply.status, reply.json["status"]) == (status, status)


def test_forms_that_are_wrong(call: Call) -> None:
    body, headers = form(picture=b"a")
    assert call("POST", "/v1/identify", body=body, **headers).status == 400
    body, headers = form(item=b"{", image=b"a")
    assert call("PUT", "/v1/items/form", "edit", body, **headers).status == 400
    body, headers = form(image=b"no picture")
    assert call("PUT", "/v1/items/form", "edit", body, **headers).status == 400
    assert call("GET", "/v1/items/form").status == 404


def test_pages_follow_each_other(call: Call) -> None:
    path, ids, total = "/v1/items?limit=15", [], -1
    while path:
        reply = call("GET", path)
        ids += [one["id"] for one in reply.json["items"]]
        total, path = reply.json["total"], reply.json["next"]
        assert reply.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
    assert len(ids) == len(set(ids)) == total >= 40


def test_items_by_words_and_filter(call: Call, item: str) -> None:
    assert call("GET", "/v1/items?text=own%20thing").json["items"][0]["id"] == item
    assert [one["id"] for one in call("GET", "/v1/items?where=%7B%22brand%22:%22Whatsit%22%7D").json["items"]] == [item]
    assert call("GET", "/v1/items?offset=100000").json["items"] == []
    assert call("GET", "/v1/items?text=zzzzqqqq").json == {"items": [], "total": 0, "next": None}
    for query, status in (("where=%7B", 400), ("limit=0", 422), ("limit=1001", 422), ("offset=-1", 422)):
        assert call("GET", f"/v1/items?{query}").status == status


def test_a_large_reply_is_compressed_where_it_may_be(call: Call) -> None:
    plain = call("GET", "/v1/items?limit=40")
    packed = call("GET", "/v1/items?limit=40", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in plain.headers


def test_an_item_is_added_read_changed_and_deleted(call: Call, gateway: Running) -> None:
    added = make(call, gateway, "life", title="First")
    assert (added.status, added.json["outcome"], added.headers["location"]) == (201, "added", "/v1/items/life")
    read = call("GET", "/v1/items/life")
    assert (read.json["title"], read.json["images"]) == ("First", ["/v1/items/life/image"])
    assert read.headers["etag"] == added.headers["etag"]
    changed = put(call, "life", {"title": "Second", "price": 1.5})
    assert (changed.status, changed.json["outcome"]) == (200, "updated")
    read = call("GET", "/v1/items/life")
    assert (read.json["title"], read.json["price"], len(read.json["images"])) == ("Second", 1.5, 1)
    assert call("DELETE", "/v1/items/life", "edit").status == 204
    assert [call(verb, "/v1/items/life", "edit").status for verb in ("GET", "DELETE")] == [404, 404]
    operations = [json.loads(line) for line in (gateway.work / "audit.jsonl").read_text().splitlines()]
    mine = [(one["operation"], one["key"], one["done"]) for one in operations if one["ids"] == ["life"]]
    assert mine == [(operation, "edit", True) for operation in ("upsert", "upsert", "delete", "delete")]


@pytest.mark.parametrize("id", ["a/b", "a/b/image", "a b", "ä", "100%", "a?b#c", "a%2Fb", "image", "..a", "a+b"])
def test_any_id_has_an_address(call: Call, gateway: Running, id: str) -> None:
    added = make(call, gateway, id)
    assert (added.status, added.json["id"]) == (201, id)
    path = added.headers["location"]
    try:
        read = call("GET", path)
        assert (read.status, read.json["id"]) == (200, id)
        assert call("GET", read.json["images"][0]).headers["content-type"] == "image/jpeg"
        assert call("GET", f"{path}/similar?limit=1").status == 200
    finally:
        assert call("DELETE", path, "edit").status == 204


def test_changes_on_condition(call: Call, item: str) -> None:
    etag = call("GET", f"/v1/items/{item}").headers["etag"]
    assert call("GET", f"/v1/items/{item}", if_none_match=etag).status == 304
    assert call("GET", f"/v1/items/{item}", if_none_match='"other"').status == 200
    assert put(call, item, {"title": "x"}, if_none_match="*").status == 412
    assert put(call, item, {"title": "x"}, if_match='"other"').status == 412
    first = put(call, item, {"title": "x"}, if_match=f'"other", {etag}')
    assert first.status == 200
    assert put(call, item, {"title": "y"}, if_match=etag).status == 412
    assert call("DELETE", f"/v1/items/{item}", "edit", if_match=etag).status == 412
    assert put(call, item, {"title": "y"}, if_match="*").status == 200
    assert put(call, "absent", {"title": "y"}, if_match="*").status == 412


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 422),
        (b'{"picture": "a"}', 422),
        (b'{"price": "free"}', 422),
        (b'{"title": 5}', 422),
        (b'{"price": -1}', 400),
        (b'{"title": "no picture"}', 400),
    ],
)
def test_items_that_are_wrong(call: Call, body: bytes, status: int) -> None:
    assert call("PUT", "/v1/items/wrong", "edit", body, **JSON).status == status
    assert call("PUT", "/v1/items/wrong", "edit", body, content_type="text/plain").status == 415
    assert call("GET", "/v1/items/wrong").status == 404


def test_pictures_and_thumbnails(call: Call, gateway: Running, product: Path) -> None:
    path = f"/v1/items/{product.stem}/image"
    whole = call("GET", path)
    assert (whole.body, whole.headers["content-type"]) == (gateway.target.picture, "image/jpeg")
    small = call("GET", f"{path}?side=64")
    assert max(Image.open(io.BytesIO(small.body)).size) == 64
    assert whole.headers["etag"] != small.headers["etag"]
    for reply, query in ((whole, ""), (small, "?side=64")):
        again = call("GET", path + query, if_none_match=reply.headers["etag"])
        assert (again.status, again.body) == (304, b"")
    assert [call("GET", f"{path}?{query}").status for query in ("position=99", "side=1", "side=5000")] == [
        404,
        422,
        422,
    ]


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/environ", "/etc/passwd", "/proc/kmsg", "/tmp", "a\nb"])
def test_a_path_that_a_caller_wrote_is_not_read(call: Call, path: str) -> None:
    item = json.dumps({"id": "path", "image": path, "vectors": [[1.0] + [0.0] * 127]})
    inputs = [
        {"name": "OPERATION", "datatype": "BYTES", "shape": [1], "data": ["upsert"]},
        {"name": "ITEM", "datatype": "BYTES", "shape": [1], "data": [item]},
    ]
    body = json.dumps({"inputs": inputs}).encode()
    assert call("POST", "/v2/models/catalogue/infer", "edit", body).status == 200
    try:
        assert call("GET", "/v1/items/path/image").status == 404
    finally:
        call("DELETE", "/v1/items/path", "edit")


def test_items_like_one(call: Call, known: str) -> None:
    matches = call("GET", f"/v1/items/{known}/similar?limit=5").json["matches"]
    scores = [one["score"] for one in matches]
    assert scores == sorted(scores, reverse=True)
    assert (len(matches), known in {one["item"]["id"] for one in matches}) == (5, False)
    following = call("GET", f"/v1/items/{known}/similar?limit=2").json["next"]
    assert [one["item"]["id"] for one in call("GET", following).json["matches"]] == [
        one["item"]["id"] for one in matches[2:4]
    ]
    assert call("GET", f"/v1/items/{known}/similar?where=5").status == 400
    assert call("GET", f"/v1/items/{known}/scenes").json == {"scenes": [], "objects": False, "next": None}
    for route in ("similar", "scenes", "image"):
        assert call("GET", f"/v1/items/absent/{route}").status == 404


def test_a_named_catalogue(call: Call, known: str) -> None:
    assert call("GET", "/v1/catalogues").json == {"catalogues": [{"name": "default", "default": True}]}
    assert call("GET", "/v1/catalogues", "other").json == {"catalogues": []}
    named = call("GET", f"/v1/c/default/items/{known}")
    assert named.json["image"] == f"/v1/c/default/items/{known}/image"
    assert call("GET", named.json["image"]).status == 200
    assert call("GET", "/v1/c/absent/items").status == 404
    assert call("GET", "/v1/c/default/items", "other").status == 403
    page = call("GET", "/v1/c/default/items?limit=1").json
    assert page["next"].startswith("/v1/c/default/items?")


def test_what_is_done_to_an_item_is_its_history(call: Call, gateway: Running) -> None:
    searches = call("GET", "/v1/overview?days=1", "edit").json["searches"]["total"]
    answer = call("POST", "/v1/identify?gate=false", body=gateway.target.picture).json["answer"]
    counted = call("GET", "/v1/overview?days=1", "edit").json["searches"]["total"]
    assert {name: counted[name] - searches[name] for name in counted if counted[name] != searches[name]} == {
        answer["state"]: 1
    }
    make(call, gateway, "kept", title="Old")
    put(call, "kept", {"title": "New"})
    assert call("DELETE", "/v1/items/kept", "edit").status == 204
    assert call("POST", "/v1/items/kept/restore?reviewer=ann", "search").status == 403
    assert call("POST", "/v1/items/kept/restore?reviewer=ann", "edit").json["outcome"] == "restored"
    entries = call("GET", "/v1/items/kept/history", "edit").json["entries"]
    assert [(one["kind"], one["who"]) for one in entries] == [
        ("restored", "edit/ann"), ("deleted", "edit"), ("updated", "edit"), ("added", "edit")
    ]  # fmt: skip
    assert (entries[2]["before"], entries[2]["after"]) == ({"title": "Old"}, {"title": "New"})
    assert call("GET", "/v1/items/kept").json["title"] == "New"
    assert call("DELETE", "/v1/items/kept", "edit").status == 204
