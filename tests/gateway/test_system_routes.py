"""Routes of the server itself, and refusals that every route has."""

from __future__ import annotations

import hashlib

import pytest

from tests.gateway.conftest import Call, Running

pytestmark = pytest.mark.triton
JSON = {"content_type": "application/json"}


def test_state_and_metrics(call: Call) -> None:
    assert call("GET", "/v1/stats").json["items"] >= 40
    health = call("GET", "/healthz", None)
    assert (health.status, health.json) == (200, {"live": True, "state": "ready", "reason": ""})
    text = call("GET", "/metrics", "admin").body.decode()
    assert "whatsit_gateway_requests_total" in text
    assert "nv_inference_request_success" in text
    assert [call("GET", "/metrics", role).status for role in ("search", "edit")] == [403, 403]


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/items/a"), ("DELETE", "/v1/items/a")])
def test_the_role_search_changes_nothing(call: Call, method: str, path: str) -> None:
    assert call(method, path, "search", b"{}", **JSON).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/nothing", 404), ("GET", "/v1/identify", 405), ("POST", "/v1/items", 405)],
)
def test_paths_and_methods_that_are_not_there(call: Call, method: str, path: str, status: int) -> None:
    reply = call(method, path)
    assert (reply.status, reply.json["status"]) == (status, status)


def test_the_documents(call: Call) -> None:
    schema = call("GET", "/openapi.json", None).json
    assert {"/v1/identify", "/v1/items/{id}", "/healthz"} <= set(schema["paths"])
    assert "swagger" in call("GET", "/docs", None).body.decode().lower()


def test_the_same_request_gives_the_same_bytes(call: Call, gateway: Running) -> None:
    replies = [call("POST", "/v1/identify?gate=false", body=gateway.target.picture).body for _ in range(3)]
    assert len({hashlib.sha256(reply).digest() for reply in replies}) == 1
