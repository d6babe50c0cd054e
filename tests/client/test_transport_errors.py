"""Sentences on connections that fail for a certificate."""

from __future__ import annotations

import ssl

import pytest
from whatsit_client.transport.address import Address
from whatsit_client.transport.transport_errors import ConnectionLost, connection_error, error_from_status

HTTPS = Address("http", "shop.example:443", True)
GRPCS = Address("grpc", "shop.example:8001", True)


def unverified() -> ssl.SSLCertVerificationError:
    """Return what OpenSSL raises for a self-signed certificate."""
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def test_http_names_the_certificate() -> None:
    wrapped = ssl.SSLCertVerificationError("Cannot connect")  # as aiohttp does
    wrapped.__cause__ = unverified()
    for cause in (unverified(), wrapped):
        error = connection_error(HTTPS, cause)
        assert not isinstance(error, ConnectionLost), "not retried"
        assert str(error).startswith(
            "The certificate of https://shop.example:443 is not accepted (self-signed certificate): "
        )
        assert "SSL_CERT_FILE" in str(error)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:8001: Tls handshake failed "
            "(TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:"
            "CERTIFICATE_VERIFY_FAILED: self signed certificate: OK",
            "self signed certificate",
        ),
        (
            "failed to connect to all addresses; last error: UNKNOWN: Peer name a is not in peer certificate",
            "Peer name a is not in peer certificate",
        ),
        ("failed to connect: Hostname Verification Check failed.", "Hostname Verification Check failed"),
        ("failed to connect: CERTIFICATE_VERIFY_FAILED", "it cannot be verified"),
    ],
)
def test_grpc_names_the_certificate(message: str, reason: str) -> None:
    error = error_from_status(GRPCS, 1.0, "StatusCode.UNAVAILABLE", message)
    assert not isinstance(error, ConnectionLost)
    assert f"is not accepted ({reason}): " in str(error)
    assert "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" in str(error)


def test_other_failures_are_retried_and_mention_the_certificate_with_tls_alone() -> None:
    for cause in (None, ConnectionResetError()):
        assert isinstance(connection_error(HTTPS, cause), ConnectionLost)
    assert "certificate" in str(connection_error(GRPCS))
    assert "certificate" not in str(connection_error(Address("http", "shop.example:80", False), ConnectionResetError()))
