"""Search by a catalogue's items with the embedder that serves it now."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from whatsit.catalogue.backends import open_index_view
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.serving_pair import PAIRS, read_pair_file
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import network_file
from whatsit.search.item_search import ItemSearch
from whatsit.search.watched_file import WatchedFile


class ServingItems:
    """Follows the pairs of a catalogue: a switch counts from the next call.

    Args:
        folder: of the catalogue.
        model_repository: whose embedder serves where there was no roll-out.
    """

    def __init__(self, folder: Path, model_repository: Path) -> None:
        self._folder, self._models = folder, model_repository
        self._pair = WatchedFile(folder / PAIRS, read_pair_file, "pair of embedders")
        self._opened: dict[str, ItemSearch] = {}

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the embedder."""
        pair = self._pair()
        return self._own if pair is None else pair.serving

    def __call__(self, store: CatalogueStore) -> ItemSearch:
        """Return the search.

        Args:
            store: the catalogue; always the same one.

        Raises:
            WhatsitError: nothing is published, or it is damaged.
        """
        fingerprint = self.fingerprint
        if fingerprint not in self._opened:
            index = open_index_view(store, self._folder, fingerprint)
            self._opened = {fingerprint: ItemSearch(store, index, fingerprint)}
        return self._opened[fingerprint]

    @cached_property
    def _own(self) -> str:
        return embedder_fingerprint(network_file(self._models, "embedder"))
