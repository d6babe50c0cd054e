"""Counter of answers by catalogue, written to the stores now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from starlette.concurrency import run_in_threadpool
from whatsit_client.errors import WhatsitError

from whatsit.catalogue.store.search_counts import STATES, SearchCounts
from whatsit.gateway.problems import Problem
from whatsit.gateway.served_catalogues import ServedCatalogues

_SECONDS = 5.0  # as much is lost where the gateway is killed


class SearchCounter:
    """Counts answers, and adds them to the stores every few seconds.

    Those of a catalogue that may not be changed are forgotten.

    Args:
        catalogues: that are served.
    """

    def __init__(self, catalogues: ServedCatalogues) -> None:
        self._catalogues = catalogues
        self._counts: dict[str, SearchCounts] = {}
        self._task: asyncio.Task[None] | None = None

    def count(self, catalogue: str, answer: Mapping[str, Any]) -> None:
        """Count an answer of the REST API."""
        state = answer.get("state")
        if state in STATES:
            day = datetime.now(timezone.utc).date().isoformat()
            closest = list(answer.get("closest") or answer.get("ids") or ())
            self._counts.setdefault(catalogue, SearchCounts()).count(day, str(state), closest)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.write()

    async def write(self) -> None:
        """Add what was counted to the stores; what cannot be written waits."""
        for name, counts in list(self._counts.items()):
            if not counts:
                continue
            taken = counts.take()
            try:
                store = await run_in_threadpool(self._catalogues.writer(name).quiet_store)
                if store is not None:
                    await run_in_threadpool(taken.write, store)
            except (Problem, WhatsitError):
                counts.add(taken)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            await self.write()
