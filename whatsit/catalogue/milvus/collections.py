"""Milvus collections of a catalogue: items, embedders, and their vectors."""

from __future__ import annotations

import threading
import time
from typing import Any

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.milvus.milvus_url import Address, translate_errors
from whatsit.index.index_kind import HNSW_BUILD_EFFORT, HNSW_LINKS

TEXT_BYTES = 65_535
"""Milvus' longest text, and its longest JSON value about."""

_CATEGORY_BYTES = 600
# Every collection of Milvus must have a vector; those of items and embedders have one that says nothing.
NO_VECTOR = [0.0, 0.0]


class Collections:
    """Makes, loads and names them. May be used from many threads.

    Args:
        address: of the catalogue.
        make: make the catalogue where it is not there.

    Raises:
        Unavailable: Milvus cannot be reached, or the catalogue is not there.
    """

    def __init__(self, address: Address, make: bool) -> None:
        self.address = address
        self.client = address.connect()
        self.items = f"{address.catalogue}_items"
        self._embedders = f"{address.catalogue}_embedders"
        self._loaded: set[str] = set()
        self._latest: str | None = None
        self._lock = threading.Lock()
        if not make and not self._is_there(self.items):
            raise Unavailable(
                f"There is no catalogue '{address.catalogue}' in Milvus at {address.uri}; "
                "make one with 'whatsit catalogue add DIR SOURCE --store milvus://…'."
            )
        with self._lock:
            self._prepare(self._embedders, self._embedder_fields)
            self._prepare(self.items, self._item_fields)

    def close(self) -> None:
        """Let go of the connection, and of the file where it is one."""
        self.client.close()
        if self.address.is_file:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(self.address.uri)

    def embedders(self) -> dict[str, tuple[str, int]]:
        """Fingerprint -> collection and dimension, the latest used embedder first."""
        with translate_errors(self.address.uri):
            rows = self.client.query(
                self._embedders, filter="used > 0", output_fields=["fingerprint", "collection", "dimension", "used"]
            )
        rows = sorted(rows, key=lambda row: -row["used"])
        return {row["fingerprint"]: (row["collection"], row["dimension"]) for row in rows}

    def vectors(self, fingerprint: str) -> tuple[str, int] | None:
        """Return an embedder's collection of vectors and their length, None for none."""
        found = self.embedders().get(fingerprint)
        if found is not None:
            with self._lock:
                self._load(found[0])
        return found

    def vectors_to_write(self, fingerprint: str, dimension: int) -> str:
        """Return the collection for an embedder's vectors, made if missing.

        The embedder counts as the latest used.

        Raises:
            InvalidInput: the vectors that are there have another length.
        """
        found = self.vectors(fingerprint)
        if found is None:
            count = len(self.embedders())
            with self._lock:
                collection = f"{self.address.catalogue}_vectors_{time.time_ns():x}_{count}"
                self._prepare(collection, lambda schema: self._vector_fields(schema, dimension))
            found = collection, dimension
        if found[1] != dimension:
            raise InvalidInput(
                f"The embedder {fingerprint} has vectors of length {found[1]} in this catalogue, not of {dimension}."
            )
        if self._latest != fingerprint:
            row = {"fingerprint": fingerprint, "collection": found[0], "dimension": dimension}
            with translate_errors(self.address.uri):
                self.client.upsert(self._embedders, [{**row, "used": time.time_ns(), "vector": NO_VECTOR}])
            self._latest = fingerprint
        return found[0]

    def _is_there(self, collection: str) -> bool:
        with translate_errors(self.address.uri):
            return bool(self.client.has_collection(collection))

    def _prepare(self, collection: str, fields: Any) -> None:
        """Make a collection unless it is there, and load it."""
        if not self._is_there(collection):
            schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
            kind = fields(schema)
            index = self.client.prepare_index_params()
            graph = {"M": HNSW_LINKS, "efConstruction": HNSW_BUILD_EFFORT} if kind == "HNSW" else {}
            index.add_index("vector", index_type=kind, metric_type="L2", params=graph)
            if any(field.name == "picture" for field in schema.fields):
                index.add_index("item", index_type="INVERTED")
            try:
                with translate_errors(self.address.uri):
                    self.client.create_collection(
                        collection, schema=schema, index_params=index, consistency_level=self.address.consistency
                    )
            except Unavailable:
                if not self._is_there(collection):  # else another process was faster
                    raise
        self._load(collection)

    def _load(self, collection: str) -> None:
        if collection not in self._loaded:
            with translate_errors(self.address.uri):
                self.client.load_collection(collection)
            self._loaded.add(collection)

    def _embedder_fields(self, schema: Any) -> str:
        from pymilvus import DataType

        schema.add_field("fingerprint", DataType.VARCHAR, max_length=1000, is_primary=True)
        schema.add_field("collection", DataType.VARCHAR, max_length=255)
        schema.add_field("dimension", DataType.INT64)
        schema.add_field("used", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=len(NO_VECTOR))
        return "FLAT"

    def _item_fields(self, schema: Any) -> str:
        from pymilvus import DataType

        schema.add_field("item", DataType.INT64, is_primary=True)
        for name in ("id", "record", "pictures"):
            schema.add_field(name, DataType.VARCHAR, max_length=TEXT_BYTES)
        schema.add_field("category", DataType.VARCHAR, max_length=_CATEGORY_BYTES)
        schema.add_field("facts", DataType.JSON)
        schema.add_field("added", DataType.VARCHAR, max_length=40)
        schema.add_field("updated", DataType.VARCHAR, max_length=40)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=len(NO_VECTOR))
        return "FLAT"

    def _vector_fields(self, schema: Any, dimension: int) -> str:
        from pymilvus import DataType

        schema.add_field("row", DataType.VARCHAR, max_length=40, is_primary=True)
        schema.add_field("item", DataType.INT64)
        schema.add_field("id", DataType.VARCHAR, max_length=TEXT_BYTES)
        schema.add_field("ordinal", DataType.INT64)
        schema.add_field("position", DataType.INT64)
        schema.add_field("picture", DataType.VARCHAR, max_length=TEXT_BYTES)
        schema.add_field("box", DataType.VARCHAR, max_length=200)
        schema.add_field("category", DataType.VARCHAR, max_length=_CATEGORY_BYTES, is_partition_key=True)
        schema.add_field("facts", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        return self.address.index
