"""What tests of bad input share: writing files, and what a good refusal looks like."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

OPTIONS = ("top_k", "boxes", "where", "min_score", "rerank", "text", "gate", "codes", "read")
Ask = Callable[..., Any]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refused(reply: Any, *words: str) -> None:
    """The refusal is the caller's fault in Triton's terms, and one sentence without Triton's or Python's insides."""
    assert reply.status == "invalid", reply
    text = reply.message.split("in ensemble 'identify', ")[-1]
    assert text[:1].isupper() or text.startswith((*OPTIONS, "'")), text
    assert text.endswith((".", ")")), text
    assert "\n" not in text
    assert "Traceback" not in text
    assert 20 < len(text) < 400, text
    for word in words:
        assert word.lower() in text.lower(), text


def best(reply: Any) -> str:
    """The id of the whole picture's best match."""
    assert reply.status == "ok", reply
    return str(reply.tensors["ITEM_IDS"][0].decode())


def vectors(reply: Any) -> Any:
    assert reply.status == "ok", reply
    return np.array(reply.tensors["EMBEDDINGS"]).reshape(-1, 128)
