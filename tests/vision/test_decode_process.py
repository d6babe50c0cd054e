"""Decoding in a process of its own: the same pixels, and a crash that costs one picture."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.vision.decode import decode_image
from whatsit.vision.decode_process import DecodeProcesses

# Decodes as ever, but for four files.
CRASHING = """
import os, signal, time
from whatsit.vision import decode_worker
from whatsit.vision.decode import decode_image
def decode(data, side):
    if data == b"crash": os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"hang": time.sleep(100)
    if data == b"memory": raise MemoryError
    if data == b"bug": raise KeyError("odd")
    return decode_image(data, side)
decode_worker.main(decode)
"""


@pytest.fixture(scope="module")
def decode() -> Iterator[DecodeProcesses]:
    opened = DecodeProcesses(f"exec({CRASHING!r})", seconds=5.0)
    yield opened
    opened.close()


def _photo(side: int = 300) -> bytes:
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (side, side // 2, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("side", [None, 100])
def test_the_pixels_are_those_of_this_process(decode: DecodeProcesses, side: int | None) -> None:
    here, there = decode_image(_photo(), side), decode(_photo(), side)
    assert np.array_equal(here.pixels, there.pixels)
    assert (here.width, here.height) == (there.width, there.height)


@pytest.mark.parametrize("data", [b"", b"text", _photo()[:2000]])
def test_a_refusal_is_that_of_this_process(decode: DecodeProcesses, data: bytes) -> None:
    with pytest.raises(InvalidInput) as here:
        decode_image(data)
    with pytest.raises(InvalidInput) as there:
        decode(data)
    assert (str(here.value), here.value.reason) == (str(there.value), there.value.reason)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"crash", r"ended the process that decoded it \(SIGSEGV\)"),
        (b"memory", "takes more memory to decode than a picture may"),
        (b"bug", "cannot be decoded .*odd"),
    ],
)
def test_what_goes_wrong_costs_one_picture(decode: DecodeProcesses, data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        decode(data)
    assert decode(_photo()).width == 150


def test_a_process_that_ended_meanwhile_is_replaced(decode: DecodeProcesses) -> None:
    decode(_photo())
    child = decode._idle.queue[-1]._child
    os.kill(child.pid, signal.SIGKILL)
    child.wait(120)
    assert decode(_photo()).width == 150


def test_a_picture_that_takes_too_long_is_given_up(decode: DecodeProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_seconds", 0.2)
    with pytest.raises(InvalidInput, match=r"longer than 0\.2 s to decode"):
        decode(b"hang")


def test_a_process_that_does_not_start_is_named() -> None:
    with pytest.raises(Unavailable, match="ended at its start"):
        DecodeProcesses("raise SystemExit(3)")(_photo())


def test_a_process_that_ended_at_its_start_is_started_again(tmp_path: Path) -> None:
    once = f"import os, pathlib; p = pathlib.Path({str(tmp_path / 'once')!r})"
    opened = DecodeProcesses(f"{once}; p.exists() or (p.touch(), os.kill(os.getpid(), 11)); exec({CRASHING!r})")
    assert opened(_photo()).width == 150
    opened.close()
