"""What servers send in place of a picture, and packed bodies."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.web.web_shop import Shop, body
from whatsit.catalogue.web import Downloads
from whatsit.catalogue.web.response_body import check_is_file

PAGE = b"\xef\xbb\xbf\n<!-- a --><!DOCTYPE html><html><head><title>\n Just a moment&hellip; </title></head>"


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        (b"", "image/jpeg", "the server sent nothing"),
        (PAGE, "image/jpeg", "the server sent a web page ('Just a moment…') instead of a picture"),
        (b"<p>Sign in</p>", "text/html; charset=utf-8", "the server sent a web page instead of a picture"),
        (b'{"error": "gone"}', "application/json", 'the server sent JSON instead of a picture: {"error": "gone"}'),
        (b"<Error><Code>AccessDenied", "application/xml", "the server sent XML instead of a picture: <Error>"),
        (b'<?xml version="1.0"?><svg xmlns=', "image/svg+xml", "the server sent an SVG drawing, which is not read"),
        (b"<!---->" * 580 + b"<", "", ""),  # no time is lost on it
        (b"\xff\xd8\xff", "text/html", ""),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, kind: str, sentence: str) -> None:
    if not sentence:
        return check_is_file(data, kind)
    with pytest.raises(InvalidInput) as caught:
        check_is_file(data, kind)
    assert str(caught.value).startswith(sentence)
    return None


def _raw(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", _raw)])
def test_a_packed_body_is_unpacked_within_bounds(
    shop: Shop, web: Downloads, name: str, pack: Callable[[bytes], bytes]
) -> None:
    assert web.get(shop.url("/a", body(pack(b"picture"), Content_Encoding=name))) == b"picture"
    with pytest.raises(InvalidInput, match="larger than the 1,000 bytes"):  # 50 MB of zeros in 50 kB, and in 900 bytes
        web.get(shop.url("/bomb", body(pack(bytes(900_000)), Content_Encoding=name)))
    with pytest.raises(InvalidInput, match="packed data is damaged"):
        web.get(shop.url("/bad", body(b"no gzip", Content_Encoding=name)))
    with pytest.raises(InvalidInput, match="packed data ends early"):
        web.get(shop.url("/cut", body(pack(b"picture")[:-6], Content_Encoding=name)))


def test_another_packing_is_refused(shop: Shop, web: Downloads) -> None:
    with pytest.raises(InvalidInput, match="packed the file as 'br'"):
        web.get(shop.url("/br", body(b"x", Content_Encoding="br")))
