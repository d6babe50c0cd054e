"""Gauges of a served index: generation, age, changes since."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

from whatsit.catalogue.index_view import LiveIndex
from whatsit.catalogue.protocols import CatalogueStore, IndexView
from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.metrics.instruments import Gauge

ITEMS_PERIOD_S = 30.0  # counting the rows of a large catalogue takes a while


class IndexGauges:
    """Reader of the gauges.

    It also brings an index that is behind up to date, before a request has to wait for it.

    Args:
        index: what is searched; one that is no `LiveIndex` has no generations.
        items: the catalogue.
    """

    def __init__(self, index: IndexView, items: CatalogueStore) -> None:
        self._index, self._items = index, items
        self._count, self._counted = 0, float("-inf")

    def __call__(self) -> Mapping[Gauge, float]:
        """The values as they are now."""
        if time.monotonic() - self._counted > ITEMS_PERIOD_S:
            self._count, self._counted = self._items.count(), time.monotonic()
        values: dict[Gauge, float] = {metrics.ITEMS: self._count}
        if isinstance(self._index, LiveIndex):
            values |= _of_generations(self._index)
        return values


def _of_generations(index: LiveIndex) -> dict[Gauge, float]:
    live = index.now()
    manifest = live.generation.manifest
    return {
        metrics.GENERATION: int(live.generation.name.split("-")[0]),
        metrics.CREATED: datetime.fromisoformat(manifest.created).timestamp(),
        metrics.INDEX_ITEMS: manifest.items,
        metrics.INDEX_VECTORS: manifest.vectors,
        metrics.DELTA: live.delta_vectors,
        metrics.DELTA_FULL: float(index.is_full),
        metrics.PENDING: index.sequence - manifest.sequence,
    }
