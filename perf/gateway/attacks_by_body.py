"""Attacks by the bodies of requests: sizes, nesting, compression, forms, addresses of pictures."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping

from perf.gateway.attack import Attack, Send, binary, catalogue, infer, picture, request
from perf.gateway.target import Target

_IMAGE = {"name": "IMAGE", "datatype": "UINT8"}
_NESTED = b"[" * 150_000 + b"]" * 150_000
_BOMB = gzip.compress(bytes(200 << 20), 9)
_JSON = {"Content_Type": "application/json"}
_UPSERT = {"id": "attack", "vectors": [[1.0] + [0.0] * 127]}
_BAD = ("400",)

JSON = (
    Attack("shape of 2^62", infer([{**_IMAGE, "shape": [1 << 62], "data": [1]}]), _BAD),
    Attack("shape of 4 GB", infer([{**_IMAGE, "shape": [4 << 30], "data": [1]}]), _BAD),
    Attack("negative shape", infer([{**_IMAGE, "shape": [-1], "data": [1]}]), _BAD),
    Attack("shapes that overflow", infer([{**_IMAGE, "shape": [1 << 33, 1 << 33], "data": [1]}]), _BAD),
    Attack("shape of text", infer([{**_IMAGE, "shape": ["1"], "data": [1]}]), _BAD),
    Attack(
        "binary size of 2^62",
        binary(
            b'{"inputs":[{"name":"IMAGE","datatype":"UINT8","shape":[4],"parameters":'
            b'{"binary_data_size":4611686018427387904}}]}',
            b"abcd",
            "116",
        ),
        _BAD,
    ),
    Attack("JSON longer than the body", binary(b"{}", b"", "4000000000"), _BAD),
    Attack("negative JSON length", binary(b"{}", b"", "-1"), _BAD),
    Attack("300 kB of nested JSON", request("POST", "/v2/models/identify/infer", "search", _NESTED), _BAD),
    Attack(
        "nested JSON in an item",
        request("PUT", "/v1/items/attack", "edit", b'{"attributes":{"a":' + _NESTED + b"}}", **_JSON),
        ("400", "422"),
    ),
    Attack("nested filter", request("GET", "/v1/items?where=" + "[" * 9000 + "]" * 9000), ("400", "422")),
    Attack("nested boxes", picture("/v1/identify?boxes=" + "[" * 9000 + "]" * 9000), ("400", "422")),
    Attack(
        "40 MB of JSON",
        request("POST", "/v2/models/identify/infer", "search", b"[" + b"1," * (20 << 20) + b"1]"),
        ("413",),
    ),
    Attack("gzip bomb", request("POST", "/v1/identify", "search", _BOMB, Content_Encoding="gzip"), ("413",)),
    Attack(
        "gzip bomb: Triton's protocol",
        request("POST", "/v2/models/identify/infer", "search", _BOMB, Content_Encoding="gzip"),
        ("413",),
    ),
    Attack(
        "deflate bomb",
        request("POST", "/v1/identify", "search", zlib.compress(bytes(100 << 20)), Content_Encoding="deflate"),
        ("413",),
    ),
    Attack("damaged gzip", request("POST", "/v1/identify", "search", b"abc", Content_Encoding="gzip"), _BAD),
    Attack("unknown encoding", picture("/v1/identify", Content_Encoding="br"), ("415",)),
    Attack(
        "the same output twice",
        infer([{**_IMAGE, "shape": [1], "data": [1]}], outputs=[{"name": "BOXES"}, {"name": "BOXES"}]),
        _BAD,
    ),
    Attack("the same input twice", infer([{**_IMAGE, "shape": [1], "data": [1]}] * 2), _BAD),
    Attack(
        "10,000 parameters",
        infer([{**_IMAGE, "shape": [1], "data": [1]}], parameters={f"p{n}": n for n in range(10_000)}),
        _BAD,
    ),
    Attack(
        "parameter beyond 64 bits", infer([{**_IMAGE, "shape": [1], "data": [1]}], parameters={"top_k": 1 << 80}), _BAD
    ),
    Attack("body that is not UTF-8", request("POST", "/v2/models/identify/infer", "search", b"\xff\xfe{}"), _BAD),
    Attack(
        "form without an end",
        request(
            "POST",
            "/v1/identify",
            "search",
            b"--x\r\nContent-Disposition: form-data",
            Content_Type="multipart/form-data; boundary=x",
        ),
        _BAD,
    ),
    Attack(
        "form without a boundary",
        request("POST", "/v1/identify", "search", b"abc", Content_Type="multipart/form-data"),
        _BAD,
    ),
)

URLS: Mapping[str, str] = {
    "metadata service": "http://169.254.169.254/latest/meta-data/",
    "loopback": "http://127.0.0.1:1/",
    "a file": "file:///etc/passwd",
    "a path": "/etc/passwd",
}


def _ssrf(url: str) -> Send:
    """Write an item whose picture is an address, and ask for the picture."""

    def send(target: Target) -> bytes:
        catalogue("upsert", {**_UPSERT, "image": url}, "edit")(target)
        reply = target.request("GET", "/v1/items/attack/image")
        target.request("DELETE", "/v1/items/attack", "edit")
        return reply

    return send


# 307 sends the caller's own browser there; the server fetches nothing.
SSRF = (
    *(
        Attack(f"item whose picture is {name}", _ssrf(url), ("404",) if not url.startswith("http") else ("307", "404"))
        for name, url in URLS.items()
    ),
    Attack(
        "item with an unknown field",
        request("PUT", "/v1/items/attack", "edit", b'{"image":"http://169.254.169.254/"}', **_JSON),
        ("422",),
    ),
)
