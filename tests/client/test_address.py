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


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("ftp://localhost", None),
        ("localhost", "carrier pigeon"),
        ("localhost:port", None),
        ("localhost:99999", None),
        ("http://", None),
        ("grpc://host/path", None),
        ("http://user:secret@host", None),
        ("http://host?x=1", None),
    ],
)
def test_what_is_no_address(url: str, protocol: str | None) -> None:
    with pytest.raises(InvalidInput):
        Address.parse(url, protocol)
