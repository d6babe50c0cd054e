"""Words in pixels, read by RapidOCR."""

from __future__ import annotations

import importlib.util
import os
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Unavailable
from whatsit_client.types import Box

from whatsit.vision.boxes import centre

# Lines that the network is less sure of are mostly ornaments.
SURE = 0.6
_MOST_THREADS = 4

_lock = threading.Lock()
_engine: Any = None


@dataclass(frozen=True)
class TextLine:
    """A line of text in a picture.

    Args:
        text: as read.
        score: how sure the network is, 0..1.
        box: x1, y1, x2, y2 in pixels of the picture that was read.
    """

    text: str
    score: float
    box: Box


def can_read_text() -> bool:
    """Return whether RapidOCR and RapidFuzz are installed; loads neither."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "rapidfuzz"))


def read_text(pixels: npt.NDArray[np.uint8]) -> tuple[TextLine, ...]:
    """Return the lines of text in a picture, from top to bottom.

    The first call in a process loads the networks, which takes a second or two; one picture is read at a time.

    Args:
        pixels: uint8 [h,w,3] RGB.

    Raises:
        Unavailable: RapidOCR is not installed.
    """
    if not can_read_text():
        raise Unavailable("Words are read by RapidOCR, which is not installed: pip install 'whatsit[read]'.")
    global _engine
    with _lock:
        if _engine is None:
            _engine = _load()
        read = _engine(np.ascontiguousarray(pixels[..., ::-1]))  # it takes BGR
    if read.txts is None:
        return ()
    rows = zip(read.txts, read.scores, np.asarray(read.boxes, dtype=np.float64), strict=True)
    lines = [
        TextLine(text, float(score), (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
        for text, score, corners in rows
        if score >= SURE and text.strip()
    ]
    return tuple(sorted(lines, key=lambda line: centre(line.box)[1]))


def is_loaded() -> bool:
    """Return whether the networks are in this process's memory."""
    return _engine is not None


def _load() -> Any:
    from rapidocr import RapidOCR

    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    options = {
        "Global.log_level": "error",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    return RapidOCR(params=options)
