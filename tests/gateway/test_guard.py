"""What every HTTP request passes, against a real uvicorn: ids, hosts, origins, keys, log, security headers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from tests.gateway.fakes import FakeTriton, ask, exchange, parse, served
from whatsit.gateway.access import Access
from whatsit.gateway.app import build_app
from whatsit.gateway.guard import Guard, is_loopback
from whatsit.gateway.keys import KeyFile
from whatsit.gateway.settings import Limits, Settings

ID = "0123456789abcdef0123456789abcdef"
Serve = Callable[..., AbstractContextManager[int]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Say who was let in; fail at /fail."""
    if scope["path"] == "/fail":
        raise RuntimeError("failed")
    while scope["path"] == "/read" and (await receive())["more_body"]:
        pass
    caller = scope["state"].get("caller")
    told = {"id": scope["state"]["request_id"], "caller": caller.name if caller else None}
    body = json.dumps(told).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def key(tmp_path: Path) -> str:
    return "Bearer " + KeyFile(tmp_path / "keys.json").add("phone", "search")


@pytest.fixture
def serve(tmp_path: Path, key: str) -> Serve:
    def start(**given: Any) -> AbstractContextManager[int]:
        usual: dict[str, Any] = {"keys": tmp_path / "keys.json", "access_log": str(tmp_path / "access.jsonl")}
        settings = Settings(catalogues={"shop": tmp_path}, model_repository=tmp_path, upstream="", **(usual | given))
        return served(Guard(echo, settings, Access(settings)), lifespan="off")

    return start


@pytest.fixture
def port(serve: Serve) -> Iterator[int]:
    with serve() as port:
        yield port


def test_a_valid_key_is_let_in(port: int, key: str) -> None:
    for header in ("authorization", "x-api-key"):
        assert ask(port, "GET", "/v1/items", **{header: key}).json["caller"] == "phone"


@pytest.mark.parametrize("path", ["/v1/items", "/nothing", "/healthz/", "/openapi.json2", "//healthz"])
def test_without_a_key_every_path_is_401(port: int, path: str) -> None:
    reply = ask(port, "GET", path)
    assert (reply.status, reply.headers["content-type"]) == (401, "application/problem+json")
    assert reply.json["instance"] == reply.headers["x-request-id"]
    assert reply.json["detail"].startswith("Send a key")


def test_the_refusals_under_v2_have_tritons_form(port: int) -> None:
    reply = ask(port, "GET", "/v2/models/identify")
    assert (reply.status, list(reply.json)) == (401, ["error"])


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/docs"])
def test_these_paths_need_no_key(port: int, path: str) -> None:
    assert ask(port, "GET", path).status == 200


@pytest.mark.parametrize(
    ("header", "value", "same"),
    [
        ("x_request_id", ID, True),
        ("x_request_id", "01234567-89AB-cdef-0123-456789abcdef", True),
        ("traceparent", f"00-{ID}-0123456789abcdef-01", True),
        ("traceparent", f"00-{'0' * 32}-0123456789abcdef-01", False),
        ("traceparent", "00-abc-def-01", False),
        ("traceparent", "00", False),
        ("x_request_id", "a" * 5000, False),
        ("x_request_id", '"}\t{', False),
        ("x_request_id", "", False),
    ],
)
def test_the_request_id(port: int, key: str, tmp_path: Path, header: str, value: str, same: bool) -> None:
    """A good one is the caller's; it is in reply, state and log."""
    reply = ask(port, "GET", "/v1/items", authorization=key, **{header: value})
    id = reply.headers["x-request-id"]
    assert (id == ID) is same
    assert len(id) == 32
    assert reply.json["id"] == id
    assert json.loads((tmp_path / "access.jsonl").read_text().splitlines()[-1])["request"] == id


def test_the_request_id_is_tritons_trace_id(tmp_path: Path, key: str) -> None:
    with FakeTriton() as triton:
        settings = Settings(
            catalogues={"shop": tmp_path},
            model_repository=tmp_path,
            upstream=triton.url,
            upstream_headers={"secret": "opens"},
            keys=tmp_path / "keys.json",
        )
        with served(build_app(settings)) as port:
            more = {"inference_header_content_length": "0", "x_request_id": ID, "authorization": key}
            assert ask(port, "POST", "/v2/models/identify/infer", b"jpeg", **more).status == 200
    (seen,) = triton.seen
    assert seen.headers["traceparent"] == f"00-{ID}-{ID[:16]}-01"
    assert seen.headers["secret"] == "opens"
    assert not {"authorization", "x-request-id"} & set(seen.headers)  # no caller's header passes


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:80", 200),
        ("localhost:1", 200),
        ("[::1]:1", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:80", 421),
        ("10.0.0.1", 421),
        ("evil.example@127.0.0.1", 421),
        ("[::1", 421),
        ("[", 421),
        ("a]b[c", 421),
    ],
)
def test_a_loopback_server_answers_to_its_own_names(port: int, key: str, host: str, status: int) -> None:
    assert ask(port, "GET", "/v1/items", authorization=key, host=host).status == status


def test_another_server_answers_to_every_name(serve: Serve, key: str) -> None:
    with serve(host="0.0.0.0") as port:
        assert ask(port, "GET", "/v1/items", authorization=key, host="shop.example").status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 200),
        ("https://shop.example", 200),
        ("https://shop.example:8443", 403),
        ("http://shop.example", 403),
        ("https://shop.example.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1:1", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
def test_pages_of_listed_origins_may_call(serve: Serve, key: str, origin: str, status: int) -> None:
    with serve(origins=("https://shop.example",)) as port:
        given = origin.format(port=port)
        reply = ask(port, "GET", "/v1/items", authorization=key, origin=given)
        allowed = reply.headers.get("access-control-allow-origin")
        assert (reply.status, allowed) == (status, given if given == "https://shop.example" else None)
        assert ask(port, "OPTIONS", "/v1/items", origin=given).status == (204 if status == 200 else 403)


def test_a_preflight_says_what_may_be_sent(serve: Serve) -> None:
    with serve(origins=("https://shop.example",)) as port:
        reply = ask(port, "OPTIONS", "/v1/items/a", origin="https://shop.example")
    assert "PUT" in reply.headers["access-control-allow-methods"]
    assert {"authorization", "if-match"} <= set(reply.headers["access-control-allow-headers"].split(", "))
    assert reply.headers["vary"].lower() == "origin"
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("path", ["/v1/items", "/fail", "/nothing-without-key", "/docs"])
def test_every_reply_has_security_headers(port: int, key: str, path: str) -> None:
    reply = ask(port, "GET", path, **({} if "without" in path else {"authorization": key}))
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["referrer-policy"] == "same-origin"
    policy = reply.headers.get("content-security-policy", "")
    assert path == "/docs" or ("default-src 'self'" in policy and "unsafe" not in policy)
    assert "server" not in reply.headers
    assert "strict-transport-security" not in reply.headers  # no TLS


@pytest.mark.parametrize("path", ["/v1/items/%00", "/v1/../etc", "/v1/%2e%2e/etc", "/v1/..%2f..%2fetc", "/.."])
def test_paths_that_are_not_allowed(port: int, key: str, path: str) -> None:
    assert ask(port, "GET", path, authorization=key).status == 400


def test_bodies_of_all_requests_share_one_limit(serve: Serve, key: str) -> None:
    with serve(limits=Limits(bodies_bytes=100)) as port:
        replies = [ask(port, "POST", "/read", bytes(size), authorization=key) for size in (80, 80, 101, 80)]
    assert [reply.status for reply in replies] == [200, 200, 503, 200]
    assert replies[2].json["detail"].startswith("The server holds more requests")


def test_a_failure_is_one_sentence(port: int, key: str) -> None:
    reply = ask(port, "GET", "/fail", authorization=key)
    assert reply.status == 500
    assert b"RuntimeError" not in reply.body
    assert reply.json["instance"] == reply.headers["x-request-id"]
    assert ask(port, "GET", "/v1/items", authorization=key).status == 200


def test_the_access_log_names_the_caller_and_holds_no_key(port: int, key: str, tmp_path: Path) -> None:
    ask(port, "GET", "/v1/items?text=a", authorization=key)
    ask(port, "POST", "/v1/identify", authorization=key + "x")
    text = (tmp_path / "access.jsonl").read_text()
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["method"], first["path"], first["status"], first["key"]) == ("GET", "/v1/items", 200, "phone")
    assert (second["status"], second["key"], second["address"]) == (401, "", "127.0.0.1")
    assert key[7:] not in text


def test_a_line_feed_in_a_path_makes_no_line_in_the_log(port: int, key: str, tmp_path: Path) -> None:
    ask(port, "GET", "/v1/items%0a%7b%7d%1b", authorization=key)
    assert len((tmp_path / "access.jsonl").read_text().splitlines()) == 1


def test_a_damaged_file_of_keys_admits_nobody(port: int, key: str, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("[")
    replies: list[int] = []
    while not replies or replies[-1] == 200:  # within its interval the ring goes on
        replies.append(ask(port, "GET", "/v1/items", authorization=key).status)
    assert replies[-1] == 401


def test_absolute_addresses_are_paths_of_this_server(port: int, key: str) -> None:
    head = f"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\n"
    assert parse(exchange(port, f"{head}Connection: close\r\n\r\n".encode())).status in (200, 400)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "shop.example", "", "127.0.0.1.example"])
def test_other_addresses(host: str) -> None:
    assert not is_loopback(host)
