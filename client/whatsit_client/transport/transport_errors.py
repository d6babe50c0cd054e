"""Whatsit's errors from the errors of a transport."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import TypeVar

from whatsit_client.errors import InvalidInput, TimedOut, Unavailable, WhatsitError
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address

Value = TypeVar("Value")

# Triton names the ensemble before a step's message.
_PREFIX = re.compile(r"^in ensemble '[^']*',\s*")
_REFUSED = frozenset(
    {
        *("400", "401", "403", "404", "413", "415"),
        *("StatusCode.INVALID_ARGUMENT", "StatusCode.UNAUTHENTICATED", "StatusCode.PERMISSION_DENIED"),
    }
)
_LATE = frozenset({"504", "StatusCode.DEADLINE_EXCEEDED"})
_RATE = frozenset({"429", "StatusCode.RESOURCE_EXHAUSTED"})
_UNAVAILABLE = frozenset({"503", "StatusCode.UNAVAILABLE"})
# gRPC's messages for a failed connection; it has the same status for a server's own refusals.
_NO_CONNECTION = re.compile(
    r"connect|socket|stream removed|resolv|dns|goaway|reset|broken pipe|recvmsg|transport|endpoint|http2", re.IGNORECASE
)


# Words of Triton and of the gateway for a request that their queues refused: nothing was done for it.
_BUSY = re.compile(
    r"request timeout expired|exceeds maximum queue size|more requests than it can answer", re.IGNORECASE
)


# Words of gRPC for a certificate that it does not accept.
_CERTIFICATE = re.compile(
    r"CERTIFICATE_VERIFY_FAILED:? ?(?P<why>[^:]*)|(?P<name>peer name \S+ is not in peer certificate)"
    r"|(?P<host>hostname verification check failed)",
    re.IGNORECASE,
)
_ROOTS = {"grpc": "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "http": "SSL_CERT_FILE"}  # environment variables


class ConnectionLost(Unavailable):
    """The connection failed or broke; the call is retried."""


class Busy(Unavailable):
    """The server's queue is full and the call was not read; it is retried."""


def connection_error(address: Address, cause: BaseException | None = None) -> Unavailable:
    """Return the error for a connection that failed or broke.

    Args:
        address: of the server.
        cause: what the transport raised; a certificate that is not accepted is named, and the call not retried.
    """
    for error in (getattr(cause, "__cause__", None), cause):  # aiohttp's own has the reason as its cause
        if isinstance(error, ssl.SSLCertVerificationError):
            return certificate_error(address, getattr(error, "verify_message", "") or str(error))
    if address.secure:  # gRPC does not always say that it was the certificate
        return ConnectionLost(
            f"No Whatsit server with an accepted certificate answers at {address}: start one with `whatsit serve`, "
            f"give its address as url, or name the file of its certificate in {_ROOTS[address.protocol]}."
        )
    return ConnectionLost(
        f"No Whatsit server answers at {address}: start one with `whatsit serve` or give its address as url."
    )


def certificate_error(address: Address, reason: str) -> Unavailable:
    """Return the error for a certificate that is not accepted."""
    return Unavailable(
        f"The certificate of {address} is not accepted ({reason.strip().rstrip('.')}): give a name for which it was "
        f"made as url, and the file of a self-signed certificate, or of its issuer's, in {_ROOTS[address.protocol]}."
    )


def busy_error(address: Address) -> Busy:
    """Return the error for a server with too many calls."""
    return Busy(f"The server at {address} has more calls than it can answer: try again later, or give it more cores.")


def timeout_error(address: Address, timeout: float) -> TimedOut:
    """Return the error for a call that reached its time-out."""
    return TimedOut(
        f"The server at {address} did not answer within {timeout:g} seconds: give the call a longer timeout."
    )


def protocol_error(address: Address, error: Exception) -> Unavailable:
    """Return the error for a reply that breaks the tensor contract."""
    return Unavailable(f"What answers at {address} is no Whatsit server of this version ({error}): check the address.")


def parse_reply(read: Callable[[Tensors], Value], reply: Tensors, address: Address) -> Value:
    """Read a reply; raise `Unavailable` where it breaks the tensor contract."""
    try:
        return read(reply)
    except InvalidInput as error:
        raise protocol_error(address, error) from error


def strip_prefix(message: str) -> str:
    """Return a step's sentence without Triton's words before it."""
    return _PREFIX.sub("", message.strip())


def error_from_status(address: Address, timeout: float, status: str | None, message: str | None) -> WhatsitError:
    """Return the error for a status of the server or of tritonclient.

    Args:
        address: of the server.
        timeout: that the call was given, in seconds.
        status: an HTTP status ("400") or the name of a gRPC status ("StatusCode.INVALID_ARGUMENT").
        message: the server's message.
    """
    text = strip_prefix(message or "") or "no reason given"
    if status in _LATE:
        return timeout_error(address, timeout)
    if "unknown model" in text:
        return Unavailable(
            f"The server at {address} does not serve this model ({text}): start it with `whatsit serve`."
        )
    if status in _REFUSED:
        return InvalidInput(text)
    if status in _RATE:
        return Busy(text)
    if status in _UNAVAILABLE:
        if _BUSY.search(text):
            return busy_error(address)
        if address.secure and (found := _CERTIFICATE.search(text)):
            return certificate_error(address, next((part for part in found.groups() if part), "it cannot be verified"))
        return connection_error(address) if status != "503" and _NO_CONNECTION.search(text) else Unavailable(text)
    return Unavailable(f"The server at {address} could not answer ({status}: {text}): see its log.")
