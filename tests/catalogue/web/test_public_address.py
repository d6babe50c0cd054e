"""Which addresses are on the public internet, and what is refused before a connection is made."""

from __future__ import annotations

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.public_address import is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1", "192.88.99.1"),
        *("198.18.0.1", "0:0:0:0:0:ffff:169.254.169.254", "2001:db8::1", "ff02::1", "::"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://shop.test/a.jpg", "does not begin with http"),
        ("file:///etc/passwd", "does not begin with http"),
        ("http:///a.jpg", "and a host"),
        ("http://user:secret@shop.test/a.jpg", "name or password"),
        ("http://shop.test:99999/a.jpg", "malformed"),
        ("http://[::1/a.jpg", "malformed"),
        ("http://2130706433/a.jpg", "not on the public internet"),
        ("http://[::ffff:7f00:1]/a.jpg", "not on the public internet"),
    ],
)
def test_addresses_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        resolve(url)


@pytest.mark.parametrize("host", ["printer", "metadata.google.internal", "nas.local", "127.1", "0x7f000001"])
def test_names_of_inside_are_refused_even_where_a_proxy_looks_them_up(host: str) -> None:
    with pytest.raises(InvalidInput, match="inside a network|not on the public internet"):
        resolve(f"https://{host}/a.jpg", by_proxy=True)


def test_a_name_that_only_the_proxy_knows_is_left_to_it() -> None:
    assert resolve("https://unknown.invalid/a.jpg", by_proxy=True).addresses == ()
    with pytest.raises((InvalidInput, TimeoutError)):
        resolve("https://unknown.invalid/a.jpg")
