"""Scaling of catalogue pictures in processes of their own."""

from __future__ import annotations

import contextlib
import io
import queue
import struct
import subprocess
import sys
import threading
from typing import IO

from PIL import Image
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.vision.decode import decode_image

MAX_SIDE = 4096
_SECONDS = 30.0  # with one picture
_QUALITY = 88
_WORKERS = 2
_REQUEST, _REPLY = struct.Struct(">IQ"), struct.Struct(">?Q")
# Not `-m`, which imports from the working directory first.
_PROGRAM = "import sys; del sys.path[0]; from whatsit.gateway.thumbnails import serve; serve()"


class Thumbnails:
    """Makes JPEG thumbnails in up to two processes, started when they are needed.

    A crash in the code of an image library ends such a process, not the gateway; the next picture gets a new one. They
    end with the gateway.
    """

    def __init__(self) -> None:
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for _ in range(_WORKERS):
            self._free.put(_Worker())

    def make(self, data: bytes, side: int | None) -> bytes:
        """Return a picture as a JPEG file, upright and in sRGB.

        Args:
            data: the picture's file.
            side: the longer side is at most this, in pixels; None for 4096.

        Raises:
            InvalidInput: it is no picture that Whatsit takes.
            Unavailable: the process ended or took longer than 30 seconds with it.
        """
        worker = self._free.get()
        try:
            return worker.make(data, side or MAX_SIDE)
        finally:
            self._free.put(worker)


class _Worker:
    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def make(self, data: bytes, side: int) -> bytes:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Timer(_SECONDS, process.kill)
        late.start()
        try:
            process.stdin.write(_REQUEST.pack(side, len(data)) + data)
            process.stdin.flush()
            good, length = _REPLY.unpack(_read(process.stdout, _REPLY.size))
            body = _read(process.stdout, length)
        except (OSError, EOFError) as error:
            self._end(process)
            raise Unavailable("The picture cannot be scaled: the process that decodes ended with it.") from error
        finally:
            late.cancel()
        if not good:
            raise InvalidInput(body.decode())
        return body

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-c", _PROGRAM]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process = None


def serve() -> None:
    """Answer requests from standard input on standard output until it closes."""
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            side, length = _REQUEST.unpack(_read(asked, _REQUEST.size))
            data = _read(asked, length)
        except (EOFError, KeyboardInterrupt):
            return
        try:
            good, body = True, _thumbnail(data, side)
        except InvalidInput as refusal:
            good, body = False, str(refusal).encode()
        told.write(_REPLY.pack(good, len(body)) + body)
        told.flush()


def _thumbnail(data: bytes, side: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(decode_image(data, max_side=side).pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _read(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data
