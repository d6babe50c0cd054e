"""Addresses as people write them, and the same as they are requested."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.web_address import WebAddress


@pytest.mark.parametrize(
    ("written", "host", "path"),
    [
        ("https://shop.test/a b.jpg", "shop.test", "/a%20b.jpg"),
        ("https://shop.test/a%20b.jpg", "shop.test", "/a%20b.jpg"),
        ("https://shop.test/100% wool.jpg", "shop.test", "/100%25%20wool.jpg"),
        ("https://shop.test/größe.jpg?f=ä&amp;w=1#top", "shop.test", "/gr%C3%B6%C3%9Fe.jpg?f=%C3%A4&w=1"),
        ("https://shop.test/gr%F6.jpg", "shop.test", "/gr%F6.jpg"),
        ("https://shop.test\\img\\a.jpg", "shop.test", "/img/a.jpg"),
        (" https://SHOP.test.\n", "shop.test", "/"),
        ("https://shop.test/(a)[1]'{2}|.jpg?x='", "shop.test", "/(a)%5B1%5D'%7B2%7D%7C.jpg?x=%27"),
        ("https://müller.test/a.jpg", "xn--mller-kva.test", "/a.jpg"),
        ("https://straße.test/a.jpg", "xn--strae-oqa.test", "/a.jpg"),  # not strasse.test, another shop's
        ("https://例え。テスト/a.jpg", "xn--r8jz45g.xn--zckzah", "/a.jpg"),
        ("https://my_shop.test/a.jpg", "my_shop.test", "/a.jpg"),
        ("HTTPS://shop.test/a.jpg", "shop.test", "/a.jpg"),
        ("https://[2001:DB8::1]/a.jpg", "2001:db8::1", "/a.jpg"),
    ],
)
def test_what_is_requested(written: str, host: str, path: str) -> None:
    address = WebAddress.parse(written)
    assert (address.host, address.path, address.secure, address.port) == (host, path, True, 443)
    assert WebAddress.parse(str(address)) == address


def test_the_header_host() -> None:
    headers = [WebAddress.parse(url).host_header for url in ("http://a.test", "http://a.test:443", "http://[::1]:81/")]
    assert headers == ["a.test", "a.test:443", "[::1]:81"]


@settings(max_examples=60)
@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://a.test/", "https://a.test/?", "https://"]))
def test_any_text_is_an_address_in_ascii_or_refused(text: str, start: str) -> None:
    try:
        address = WebAddress.parse(start + text)
    except InvalidInput:
        return
    assert str(address).isascii()
    assert not set(str(address)) & set(" \r\n\t\0")
