"""Process that decodes pictures for another one, over pipes."""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.vision.decode import Decoded, decode_image

REQUEST = struct.Struct("<QI")  # bytes of the file that follows, `max_side` or 0
REPLY = struct.Struct("<BIIIIQ")  # outcome; shape of the pixels and full size, or zeros; bytes that follow
DECODED, REFUSED, FAILED = range(3)
READY = b"\1"
MEMORY = 4 << 30  # bytes of address space

Decode = Callable[[bytes, "int | None"], Decoded]


def serve(requests: BinaryIO, replies: BinaryIO, decode: Decode = decode_image) -> None:
    """Answer requests until there are no more."""
    replies.write(READY)
    replies.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        length, max_side = REQUEST.unpack(head)
        data = requests.read(length)
        if len(data) < length:
            return
        for part in _answer(data, max_side or None, decode):
            replies.write(part)
        replies.flush()


def main(decode: Decode = decode_image) -> None:
    """Serve standard input and output; what libraries print goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    _limit()
    with suppress(BrokenPipeError):  # the parent is gone
        serve(requests, replies, decode)
    os._exit(0)


def _answer(data: bytes, max_side: int | None, decode: Decode) -> list[bytes | memoryview]:
    try:
        decoded = decode(data, max_side)
    except InvalidInput as refusal:
        return _sentence(REFUSED, f"{refusal.reason}\n{refusal}")
    except MemoryError:
        return _sentence(REFUSED, "size\nThe image takes more memory to decode than a picture may: scale it down.")
    except Exception as error:
        return _sentence(FAILED, f"{type(error).__name__}: {error}")
    pixels = np.ascontiguousarray(decoded.pixels)
    height, width = pixels.shape[:2]
    return [REPLY.pack(DECODED, height, width, decoded.width, decoded.height, pixels.nbytes), pixels.data.cast("B")]


def _sentence(outcome: int, text: str) -> list[bytes | memoryview]:
    raw = text.encode("utf-8", "replace")
    return [REPLY.pack(outcome, 0, 0, 0, 0, len(raw)), raw]


def _limit() -> None:
    """Bound the memory, and leave no core files behind."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if sys.platform == "linux" and (hard == resource.RLIM_INFINITY or hard > MEMORY):
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
