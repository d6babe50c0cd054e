"""View of an embedder's vectors in Milvus, which itself applies changes."""

from __future__ import annotations

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.milvus.milvus_searcher import MilvusSearcher
from whatsit.catalogue.milvus.milvus_store import MilvusStore
from whatsit.index.index_kind import Numbers


class MilvusIndexView:
    """What `LiveIndex` is for an embedded catalogue.

    Args:
        store: the catalogue.
        fingerprint: of the embedder whose vectors will be looked up.

    Raises:
        InvalidInput: all vectors in it are another embedder's.
    """

    def __init__(self, store: MilvusStore, fingerprint: str) -> None:
        self._store, self._fingerprint = store, fingerprint
        self._found: tuple[str, int] | None = None
        if not store.vector_count(fingerprint) and (others := store.fingerprints()):
            raise InvalidInput(
                f"The catalogue in {store.address.uri} was made by the embedder {others[0]} and this one is "
                f"{fingerprint}; run 'whatsit catalogue add' on your files again."
            )

    def now(self) -> MilvusSearcher:
        """Return the index with every change that was acknowledged before a search begins."""
        return self._searcher("")

    def where(self, where: Filter) -> tuple[MilvusSearcher, Numbers | None]:
        """Return the index limited to a filter, or the index and the selected numbers."""
        condition = self._store.condition(where)
        if condition is None:
            return self._searcher(""), self._store.select(where)
        return self._searcher(condition), None

    def _searcher(self, condition: str | bool) -> MilvusSearcher:
        if self._found is None:  # in an empty catalogue, until there is something
            self._found = self._store.collections.vectors(self._fingerprint)
        collection, dimension = self._found or (None, 0)
        address = self._store.address
        return MilvusSearcher(
            self._store.collections.client,
            address.uri,
            collection,
            dimension,
            condition if isinstance(condition, str) else "",
            condition is False,
            address.index == "HNSW",
        )
