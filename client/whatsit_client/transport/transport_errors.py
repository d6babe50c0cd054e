"""From what a transport raises to Whatsit's errors, one sentence each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from whatsit_client.errors import InvalidInput, TimedOut, Unavailable, WhatsitError
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address

Value = TypeVar("Value")

# Triton names the ensemble before a step's own sentence.
_PREFIX = re.compile(r"^in ensemble '[^']*',\s*")
_REFUSED = frozenset({"400", "StatusCode.INVALID_ARGUMENT"})
_LATE = frozenset({"StatusCode.DEADLINE_EXCEEDED"})
_UNAVAILABLE = frozenset({"503", "StatusCode.UNAVAILABLE"})
# gRPC's own words for a connection that failed; it gives the same status to what a server says of itself.
_NO_CONNECTION = re.compile(
    r"connect|socket|stream removed|resolv|dns|goaway|reset|broken pipe|recvmsg|transport|endpoint|http2", re.IGNORECASE
)


# Triton's own words for a request that its queue policies refused: nothing was done for it.
_BUSY = re.compile(r"request timeout expired|exceeds maximum queue size", re.IGNORECASE)


class ConnectionLost(Unavailable):
    """The connection broke or was never made: a call is tried again for it."""


class Busy(Unavailable):
    """The server has more calls than it can answer and refused this one unread: a call is tried again for it."""


def lost(address: Address) -> ConnectionLost:
    """No connection, or one that broke."""
    return ConnectionLost(
        f"No Whatsit server answers at {address}: start one with `whatsit serve` or give its address as url."
    )


def busy(address: Address) -> Busy:
    """More calls than the server can answer."""
    return Busy(f"The server at {address} has more calls than it can answer: try again later, or give it more cores.")


def late(address: Address, timeout: float) -> TimedOut:
    """No answer in time."""
    return TimedOut(
        f"The server at {address} did not answer within {timeout:g} seconds: give the call a longer timeout."
    )


def garbled(address: Address, error: Exception) -> Unavailable:
    """An answer that is none of a Whatsit server."""
    return Unavailable(f"What answers at {address} is no Whatsit server of this version ({error}): check the address.")


def understood(read: Callable[[Tensors], Value], reply: Tensors, address: Address) -> Value:
    """Read a reply; one that breaks the tensor contract is the server's fault, not the caller's."""
    try:
        return read(reply)
    except InvalidInput as error:
        raise garbled(address, error) from error


def answered(address: Address, timeout: float, status: str | None, message: str | None) -> WhatsitError:
    """What the server (or the library on its behalf) answered instead of a result.

    Args:
        address: of the server.
        timeout: that the call was given, in seconds.
        status: an HTTP status ("400") or the name of a gRPC status ("StatusCode.INVALID_ARGUMENT").
        message: the server's own words.
    """
    text = _PREFIX.sub("", (message or "").strip()) or "no reason given"
    if status in _LATE:
        return late(address, timeout)
    if "unknown model" in text:
        return Unavailable(
            f"The server at {address} does not serve this model ({text}): start it with `whatsit serve`."
        )
    if status in _REFUSED:
        return InvalidInput(text)
    if status in _UNAVAILABLE:
        if _BUSY.search(text):
            return busy(address)
        return lost(address) if status != "503" and _NO_CONNECTION.search(text) else Unavailable(text)
    return Unavailable(f"The server at {address} could not answer ({status}: {text}): see its log.")
