"""Shadow calls: answers of two embedders to the same calls, compared."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from whatsit_client.errors import WhatsitError

from whatsit.catalogue.serving_pair import EMBEDDERS, SHADOW_LOG
from whatsit.gateway.inference_request import InferenceRequest
from whatsit.gateway.upstream import Reply, Upstream

_MOST_BYTES = 4 << 20  # of the log; what comes later is not kept
_AT_ONCE = 1  # shadow calls in flight: they must not slow down real ones


class ShadowCalls:
    """Sends calls to a second model and logs how its answer differs.

    A caller never waits for it, and what it answers goes nowhere but into the log, which names items and times and
    keeps no picture.

    Args:
        upstream: Triton.
        draw: gives numbers in [0, 1).
    """

    def __init__(self, upstream: Upstream, draw: random.Random | None = None) -> None:
        self._upstream, self._draw = upstream, draw or random.Random()
        self._running: set[asyncio.Task[None]] = set()

    def consider(
        self, request: InferenceRequest, reply: Reply, seconds: float, folder: Path, beside: tuple[str, str, float]
    ) -> None:
        """Send a call that was answered to the embedder beside, where it is drawn.

        Args:
            request: that was sent.
            reply: that the caller gets.
            seconds: that it took.
            folder: of the catalogue.
            beside: Triton's model, its embedder's fingerprint, and the share of calls.
        """
        model, fingerprint, share = beside
        drawn = self._draw.random() < share and len(self._running) < _AT_ONCE
        if not drawn or reply.status != 200 or reply.header_length is None:
            return
        task = asyncio.ensure_future(self._compare(request, reply, seconds, folder, model, fingerprint))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _compare(
        self, request: InferenceRequest, reply: Reply, seconds: float, folder: Path, model: str, fingerprint: str
    ) -> None:
        begin = time.monotonic()
        try:
            other = await self._upstream.send(request, model=lambda: model)
        except WhatsitError:
            return
        took = time.monotonic() - begin
        first = _first(reply)
        if first is None:
            return
        record = {
            "at": round(time.time(), 3),
            "first": first,
            "beside_first": _first(other) if other.status == 200 else None,
            "ms": round(1000 * seconds, 2),
            "beside_ms": round(1000 * took, 2),
        }
        log = folder / EMBEDDERS / fingerprint / SHADOW_LOG
        with suppress(OSError):  # the roll-out may be gone, or the disk be full
            if log.parent.is_dir() and (not log.is_file() or log.stat().st_size < _MOST_BYTES):
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _first(reply: Reply) -> str | None:
    """Return the id of the first match, "" for none, None where it is not there."""
    try:
        ids = reply.tensors().get("ITEM_IDS")
    except (ValueError, KeyError, TypeError):
        return None
    if ids is None:
        return None
    return bytes(np.ravel(ids)[0]).decode("utf-8", "replace") if ids.size else ""
