"""Decoding in processes of their own, so that a library's crash costs one picture."""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.vision.decode import MAX_BYTES, Decoded
from whatsit.vision.decode_worker import DECODED, READY, REFUSED, REPLY, REQUEST

SECONDS = 60.0  # with one picture; none takes more than one on a machine that is not busy
_START_SECONDS = 120.0
_MOST_STARTS = 3
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux
_MOST_WORDS = 200
# One thread each: as many processes as threads ask.
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_MAIN = "from whatsit.vision.decode_worker import main; main()"


class DecodeProcesses:
    """Decodes pictures in processes that are started as threads ask for them.

    A picture whose decoding ends its process (a crash of a library, the system's lack of memory) or takes too long is
    refused like a damaged one, and the next picture gets a new process.

    Args:
        main: the program of a process.
        seconds: that one picture may take.
    """

    def __init__(self, main: str = _MAIN, seconds: float = SECONDS) -> None:
        self._main, self._seconds = main, seconds
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()

    def __call__(self, data: bytes, max_side: int | None = None) -> Decoded:
        """Decode a picture; see `whatsit.vision.decode.decode_image`.

        Raises:
            InvalidInput: see there, or its decoding crashed or took too long.
            Unavailable: no process can be started.
        """
        process = self._take()
        try:
            decoded = process.decode(data[: MAX_BYTES + 1], max_side, self._seconds)
        except InvalidInput:
            self._give_back(process)
            raise
        except BaseException:
            process.end()
            raise
        self._give_back(process)
        return decoded

    def close(self) -> None:
        """End the processes that do nothing; later calls start new ones."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().end()

    def _take(self) -> _Process:
        with suppress(queue.Empty):
            while True:
                process = self._idle.get_nowait()
                if process.is_alive:
                    return process
                process.end()
        for _ in range(_MOST_STARTS - 1):
            with suppress(Unavailable):  # the system may have ended it, for lack of memory
                return _Process(self._main)
        return _Process(self._main)

    def _give_back(self, process: _Process) -> None:
        if process.is_alive:
            self._idle.put(process)
        else:
            process.end()


class _Process:
    """One process and its pipes, for one thread at a time."""

    def __init__(self, main: str) -> None:
        path = [place for place in sys.path if place]  # not the working directory, which may hold a `json.py`
        program = f"import sys; sys.path[:] = {path!r}; {main}"
        command: Sequence[str] = [sys.executable, "-I", "-c", program]
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={**os.environ, **_THREADS}
            )
        except OSError as error:
            raise Unavailable(f"A process to decode pictures cannot be started ({error.strerror or error}).") from error
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._requests, self._replies = self._child.stdin.fileno(), self._child.stdout.fileno()
        for pipe in (self._requests, self._replies):
            _enlarge(pipe)
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        try:
            self._read_into(memoryview(bytearray(len(READY))), _START_SECONDS)
        except (EOFError, TimeoutError) as error:
            self.end()
            raise Unavailable("The process that decodes pictures ended at its start: see its words above.") from error

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    def decode(self, data: bytes, max_side: int | None, seconds: float) -> Decoded:
        try:
            self._send(REQUEST.pack(len(data), max_side or 0))
            self._send(data)
            head = bytearray(REPLY.size)
            self._read_into(memoryview(head), seconds)
            outcome, height, width, full_width, full_height, length = REPLY.unpack(head)
            if outcome == DECODED:
                pixels = np.empty((height, width, 3), np.uint8)
                self._read_into(pixels.data.cast("B"), seconds)
                return Decoded(pixels, full_width, full_height)
            raw = bytearray(length)
            self._read_into(memoryview(raw), seconds)
        except TimeoutError:
            self.end()
            raise InvalidInput(f"The image took longer than {seconds:g} s to decode: save it anew.", "size") from None
        except (EOFError, OSError):
            raise InvalidInput(
                f"The image ended the process that decoded it ({self._ending()}): save it anew.", "damaged"
            ) from None
        words = raw.decode("utf-8", "replace")
        if outcome == REFUSED:
            reason, _, sentence = words.partition("\n")
            raise InvalidInput(sentence, reason)
        words = " ".join(words.split())[:_MOST_WORDS]
        raise InvalidInput(f"The image cannot be decoded ({words}): save it anew.", "damaged")

    def end(self) -> None:
        """End it, whatever it does."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._child.wait()

    def _ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(10)
        code = self._child.returncode
        if code is not None and code < 0:
            with suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit code {code}"

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._requests, left) :]

    def _read_into(self, target: memoryview, seconds: float) -> None:
        while target:
            if not self._poll.poll(1000 * seconds):
                raise TimeoutError
            count = os.readv(self._replies, [target])
            if not count:
                raise EOFError
            target = target[count:]


def _enlarge(pipe: int) -> None:
    """Let a pipe hold a picture's part, so that the two sides change less often."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)


decode_isolated = DecodeProcesses()  # kept for later calls; they end with this process
