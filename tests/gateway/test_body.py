"""Bodies are read within limits, compressed or not."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from whatsit.gateway.body import read_body
from whatsit.gateway.problems import Problem

MOST = 1000


def read(parts: Sequence[bytes], encoding: str | None = None, length: int | None = None, ends: bool = True) -> bytes:
    """Read a body that comes in parts; one that does not end is cut off by its sender."""
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"})
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    given = {"content-encoding": encoding, "content-length": None if length is None else str(length)}
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    return asyncio.run(read_body(Request({"type": "http", "headers": headers}, receive), MOST))


def refused(status: int, *arguments: object, **more: object) -> Problem:
    with pytest.raises(Problem) as problem:
        read(*arguments, **more)  # type: ignore[arg-type]  # passed on
    assert problem.value.status == status
    return problem.value


@pytest.mark.parametrize("size", [0, 1, MOST])
@pytest.mark.parametrize("encoding", [None, "identity", "", "gzip", "GZIP", " deflate "])
def test_bodies_up_to_the_limit(size: int, encoding: str | None) -> None:
    text = bytes(range(256)) * 4
    packs: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}
    packed = packs.get((encoding or "").strip().lower(), bytes)(text[:size])
    assert read([packed[:7], packed[7:]], encoding) == text[:size]


@pytest.mark.parametrize("parts", [[b"a" * (MOST + 1)], [b"a"] * (MOST + 1), [b"a" * MOST, b"a"]])
def test_one_byte_more(parts: list[bytes]) -> None:
    assert refused(413, parts).headers["connection"] == "close"  # what still comes is not read


def test_a_stated_length_is_refused_before_anything_is_read() -> None:
    assert str(MOST) in refused(413, [], length=MOST + 1, ends=False).detail
    refused(413, [], length=1 << 62, ends=False)


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_bombs(encoding: str, packed: Callable[[bytes], bytes]) -> None:
    data = packed(bytes(100 * MOST))
    assert len(data) < MOST
    refused(413, [data], encoding)
    refused(413, [packed(bytes(MOST + 1))], encoding)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, window: int) -> None:
            self.inner = real(window)

        def decompress(self, data: bytes, most: int) -> bytes:
            asked.append(most)
            return self.inner.decompress(data, most)

    monkeypatch.setattr("whatsit.gateway.body.zlib.decompressobj", Counting)
    refused(413, [gzip.compress(bytes(100 * MOST))], "gzip")
    assert asked == [MOST + 1]


GZIP = gzip.compress(b"some text", mtime=0)
DAMAGED = {
    "no gzip": (b"no gzip", "gzip"),
    "cut off at the end": (GZIP[:-1], "gzip"),
    "cut off in the midst": (GZIP[:12], "gzip"),
    "empty": (b"", "gzip"),
    "wrong check sum": (GZIP[:-8] + bytes(8), "gzip"),
    "more bytes": (GZIP + b"more", "gzip"),
    "a second stream": (GZIP + GZIP, "gzip"),
    "another encoding": (GZIP, "deflate"),
    "no deflate": (b"no deflate", "deflate"),
    "deflate cut off": (zlib.compress(b"some text")[:-1], "deflate"),
}


@pytest.mark.parametrize(("data", "encoding"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged(data: bytes, encoding: str) -> None:
    assert "compressed body" in refused(400, [data], encoding).detail


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "a" * 1000])
def test_other_encodings(encoding: str) -> None:
    assert len(refused(415, [b"a"], encoding).detail) < 200


def test_a_caller_who_hangs_up() -> None:
    assert "ended" in refused(400, [b"a"], ends=False).detail
