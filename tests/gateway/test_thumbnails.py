"""Thumbnails are made where a crash ends nothing else."""

from __future__ import annotations

import io
import os
import signal

import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.gateway import thumbnails
from whatsit.gateway.thumbnails import Thumbnails


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def made() -> Thumbnails:
    return Thumbnails()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "AVIF"])
def test_a_thumbnail_is_upright_and_small(made: Thumbnails, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.open(io.BytesIO(made.make(saved(Image.new("RGB", (400, 200), "red"), kind, exif=exif), 64)))
    assert (picture.format, picture.size) == ("JPEG", (32, 64))
    whole = made.make(saved(Image.new("RGB", (40, 20)), kind), None)
    assert Image.open(io.BytesIO(whole)).size == (40, 20)


def test_what_is_no_picture_is_refused_in_the_decoders_words(made: Thumbnails) -> None:
    with pytest.raises(InvalidInput, match="no readable image"):
        made.make(b"no picture", 64)


def test_a_crash_costs_one_picture(made: Thumbnails, monkeypatch: pytest.MonkeyPatch) -> None:
    good = saved(Image.new("RGB", (40, 20)), "PNG")
    monkeypatch.setattr(thumbnails, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(Unavailable, match="the process that decodes ended with it"):
        made.make(good, 64)
    monkeypatch.undo()
    assert made.make(good, 64)
    (worker,) = [one for one in list(made._free.queue) if one._process is not None]
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.wait()
    assert made.make(good, 64)
