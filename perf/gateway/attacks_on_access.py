"""Attacks on keys and roles, and on Triton's administrative protocols."""

from __future__ import annotations

import socket

from perf.gateway.attack import Attack, Send, catalogue, infer, picture, request, triton
from perf.gateway.target import Target

_IMAGE = {"name": "IMAGE", "datatype": "UINT8"}
_NESTED = b"[" * 150_000 + b"]" * 150_000
_JSON = {"Content_Type": "application/json"}
_UPSERT = {"id": "attack", "vectors": [[1.0] + [0.0] * 127]}
_BAD = ("400",)
_GONE = ("404",)


def _with_key(value: str) -> Send:
    return lambda target: target.request("GET", "/v1/items", None, b"", {"Authorization": value})


def _almost(target: Target) -> bytes:
    key = target.keys["admin"]
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    return target.request("GET", "/v1/items", None, b"", {"Authorization": f"Bearer {wrong}"})


def _in_query(target: Target) -> bytes:
    return target.request("GET", f"/v1/items?key={target.keys['admin']}", None)


def _refused_port(target: Target) -> bytes:
    """Connect to the port of Triton's own gRPC."""
    try:
        socket.create_connection((target.host, target.triton_grpc), 2.0).close()
    except OSError:
        return b""
    return b"HTTP/1.1 200 open"


KEYS = (
    Attack("no key: identify", picture("/v1/identify", None), ("401",)),
    Attack("no key: items", request("GET", "/v1/items", None), ("401",)),
    Attack("no key: Triton's protocol", picture("/v2/models/identify/infer", None), ("401",)),
    Attack("no key: metadata", request("GET", "/v2/models/identify", None), ("401",)),
    Attack("no key: metrics", request("GET", "/metrics", None), ("401",)),
    Attack("no key: a path that is not there", request("GET", "/v1/secret", None), ("401",)),
    Attack("key that was never made", _with_key("Bearer wk_00000000_" + "a" * 43), ("401",)),
    Attack("valid key but for its last letter", _almost, ("401",)),
    Attack("key of 20,000 letters", _with_key("Bearer " + "a" * 20_000), ("401",)),
    Attack("empty key", _with_key("Bearer "), ("401",)),
    Attack("user and password", _with_key("Basic YWRtaW46YWRtaW4="), ("401",)),
    Attack("key in the address", _in_query, ("401",)),
    Attack("revoked key", picture("/v1/identify", "revoked"), ("401",)),
    Attack("revoked key: Triton's protocol", picture("/v2/models/identify/infer", "revoked"), ("401",)),
    Attack("key of another catalogue", picture("/v1/identify", "other"), ("403",)),
    Attack("key of another catalogue: items", request("GET", "/v1/items", "other"), ("403",)),
    Attack("role search: write an item", request("PUT", "/v1/items/attack", "search", b"{}", **_JSON), ("403",)),
    Attack("role search: delete an item", request("DELETE", "/v1/items/attack"), ("403",)),
    Attack("role search: upsert by Triton's protocol", catalogue("upsert", _UPSERT, "search"), ("403",)),
    Attack("role search: delete by Triton's protocol", catalogue("delete", {"id": "attack"}, "search"), ("403",)),
    Attack("role search: metrics", request("GET", "/metrics"), ("403",)),
    Attack("role edit: metrics", request("GET", "/metrics", "edit"), ("403",)),
)

TRITON = (
    Attack("unload a model", request("POST", "/v2/repository/models/identify/unload", "admin", b"{}"), _GONE),
    Attack("load a model", request("POST", "/v2/repository/models/identify/load", "admin", b"{}"), _GONE),
    Attack("list the repository", request("POST", "/v2/repository/index", "admin", b"{}"), _GONE),
    Attack("shared memory", request("GET", "/v2/systemsharedmemory/status", "admin"), _GONE),
    Attack(
        "register memory",
        request("POST", "/v2/systemsharedmemory/region/a/register", "admin", b'{"key":"/a","byte_size":8}'),
        _GONE,
    ),
    Attack("register GPU memory", request("POST", "/v2/cudasharedmemory/region/a/register", "admin", b"{}"), _GONE),
    Attack(
        "trace to a file",
        request("POST", "/v2/trace/setting", "admin", b'{"trace_file":"/tmp/t","trace_level":["TENSORS"]}'),
        _GONE,
    ),
    Attack("log to a file", request("POST", "/v2/logging", "admin", b'{"log_file":"/tmp/l"}'), _GONE),
    Attack("Triton's port: unload", triton("POST", "/v2/repository/models/identify/unload"), ("403",)),
    Attack("Triton's port: load", triton("POST", "/v2/repository/models/identify/load"), ("403",)),
    Attack(
        "Triton's port: register memory",
        triton("POST", "/v2/systemsharedmemory/region/a/register", b'{"key":"/a","byte_size":8}'),
        ("403",),
    ),
    Attack("Triton's port: trace to a file", triton("POST", "/v2/trace/setting", b'{"trace_file":"/tmp/t"}'), ("403",)),
    Attack("Triton's port: log to a file", triton("POST", "/v2/logging", b'{"log_file":"/tmp/l"}'), ("403",)),
    Attack("Triton's port: infer", triton("POST", "/v2/models/identify/infer"), ("403",)),
    Attack("Triton's port: nested JSON", triton("POST", "/v2/models/identify/infer", _NESTED), ("403",)),
    Attack("Triton's port: gRPC", _refused_port, ("closed",)),
    Attack(
        "input from shared memory",
        infer([{**_IMAGE, "shape": [8], "parameters": {"shared_memory_region": "a", "shared_memory_byte_size": 8}}]),
        _BAD,
    ),
    Attack(
        "output into shared memory",
        infer(
            [{**_IMAGE, "shape": [1], "data": [1]}],
            outputs=[{"name": "BOXES", "parameters": {"shared_memory_region": "a", "shared_memory_byte_size": 8}}],
        ),
        _BAD,
    ),
    Attack("a step that callers may not call", infer([], model="decode"), _BAD),
    Attack("model name with ../", request("GET", "/v2/models/..%2f..%2frepository/index"), (*_GONE, *_BAD)),
)
