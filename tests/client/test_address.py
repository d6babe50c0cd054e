"""Addresses as people write them."""

from __future__ import annotations

import pytest
from whatsit_client.errors import InvalidInput
from whatsit_client.transport.address import Address


@pytest.mark.parametrize(
    ("url", "protocol", "expected"),
    [
        (None, None, "grpc://localhost:8001"),
        (None, "http", "http://localhost:8000"),
        ("localhost:9001", None, "grpc://localhost:9001"),
        ("localhost:9000", "http", "http://localhost:9000"),
        ("shop.example", "http", "http://shop.example:8000"),
        ("grpc://10.0.0.1", "http", "grpc://10.0.0.1:8001"),
        ("http://10.0.0.1:8000/", None, "http://10.0.0.1:8000"),
        ("https://shop.example:443/search/", None, "https://shop.example:443/search"),
        ("grpcs://shop.example:443", None, "grpcs://shop.example:443"),
        ("[::1]:8001", None, "grpc://[::1]:8001"),
    ],
)
def test_addresses(url: str | None, protocol: str | None, expected: str) -> None:
    assert str(Address.parse(url, protocol)) == expected


NO_ADDRESS = "is no address of a server: write grpc://host:8001 or http://host:8000."


@pytest.mark.parametrize(
    ("url", "protocol", "words"),
    [
        ("ftp://localhost", None, "scheme of 'ftp://localhost' is unknown: write grpc://host:8001"),
        ("localhost", "carrier pigeon", "protocol 'carrier pigeon' is unknown: choose grpc or http"),
        ("localhost:port", None, NO_ADDRESS),
        ("localhost:99999", None, NO_ADDRESS),
        ("http://", None, NO_ADDRESS),
        ("grpc://host/path", None, NO_ADDRESS),
        ("http://user:secret@host", None, NO_ADDRESS),
        ("http://host?x=1", None, NO_ADDRESS),
    ],
)
def test_what_is_no_address(url: str, protocol: str | None, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Address.parse(url, protocol)
    assert words in str(refused.value)
    assert f"'{protocol or url}'" in str(refused.value)
