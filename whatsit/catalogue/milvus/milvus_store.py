"""Store of a catalogue in Milvus: items, pictures and vectors for many machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import ItemFields, Outcome, Picture, Vector
from whatsit.catalogue.milvus.collections import Collections
from whatsit.catalogue.milvus.filter_expression import UnsupportedFilter, expression
from whatsit.catalogue.milvus.milvus_rows import item_row, number_of, read_facts, vector_rows
from whatsit.catalogue.milvus.milvus_searcher import every_row, one_of, rows_of
from whatsit.catalogue.milvus.milvus_url import Address, translate_errors
from whatsit.catalogue.milvus.unsupported import Unsupported
from whatsit.index.index_kind import Numbers

_BATCH = 200
_FIELDS = ("id", "title", "brand", "category", "price", "url", "attributes")


class MilvusStore(Unsupported):
    """The items of a catalogue in Milvus; methods mean the same as those of `Store`.

    Milvus has no transactions. An item is written vectors first, its record last, and deleted record first, so an item
    that was acknowledged is whole, and one whose writing was cut off is not found or is as before in its record; the
    same call again completes it. What a method has returned from is seen by every later question, on any machine
    (unless the address asks for less consistency).

    Args:
        address: of the catalogue.
        read_only: refuse changes, and refuse to make the catalogue.

    Raises:
        Unavailable: Milvus cannot be reached, or `read_only` and there is no such catalogue.
    """

    def __init__(self, address: Address, read_only: bool = False) -> None:
        self.address = address
        self.collections = Collections(address, make=not read_only)
        self._read_only = read_only
        self._client, self._items = self.collections.client, self.collections.items

    def __enter__(self) -> MilvusStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self.collections.close()

    def put(self, changes: Iterable[tuple[ItemFields, Sequence[Picture], str]]) -> list[Outcome]:
        """Add items, or replace all that is known of those whose id is there.

        All are read before the first is written. Where Milvus fails on the way, some are written; the same call
        again writes all.
        """
        self._check_writable()
        outcomes: list[Outcome] = []
        waiting: dict[str, tuple[ItemFields, Sequence[Picture], str]] = {}
        for change in list(changes):
            if change[0].id in waiting or len(waiting) == _BATCH:
                outcomes += self._write(list(waiting.values()))
                waiting.clear()
            waiting[change[0].id] = change
        return outcomes + self._write(list(waiting.values()))

    def delete(self, ids: Sequence[str], forever: bool = False) -> list[str]:
        """Delete items with pictures and vectors for good; return the unknown ids."""
        self._check_writable()
        known = self._known([number_of(id) for id in ids], ["id"])
        there = {row["id"] for row in known.values()}
        unknown: list[str] = []
        gone: list[str] = []
        for id in ids:
            (gone if id in there else unknown).append(id)
            there.discard(id)
        numbers = np.array(sorted(number_of(id) for id in gone), dtype=np.int64)
        for start in range(0, len(numbers), 1_000):
            condition = one_of("item", numbers[start : start + 1_000])
            with translate_errors(self.address.uri):
                self._client.delete(self._items, filter=condition)
                for collection in self._vector_collections():
                    self._client.delete(collection, filter=condition)
        return unknown

    def count(self, where: Filter | None = None) -> int:
        """Return how many items there are, or how many fulfil the filter."""
        condition = self.condition(where)
        if condition is False:
            return 0
        if condition is None:
            return len(self._scanned(where))
        with translate_errors(self.address.uri):
            rows = self._client.query(self._items, filter=condition, output_fields=["count(*)"])
        return int(rows[0]["count(*)"])

    def select(self, where: Filter) -> Numbers:
        """Return the numbers of the items that fulfil the filter, int64 ascending."""
        condition = self.condition(where)
        if condition is False:
            return np.empty(0, dtype=np.int64)
        if condition is None:
            return self._scanned(where)
        rows = self._every_row(self._items, str(condition), ["item"])
        return np.sort(np.fromiter((row["item"] for row in rows), dtype=np.int64))

    def condition(self, where: Filter | None) -> str | bool | None:
        """Return the filter's expression, "" for every item, False for none.

        None where Milvus cannot express it.
        """
        try:
            compiled = True if where is None else expression(where)
        except UnsupportedFilter:
            return None
        return "" if compiled is True else compiled

    def page(self, where: Filter | None = None, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Return records in the order of their numbers, which means nothing here."""
        numbers = self.select(where or Filter.parse({}))
        return list(self.records(numbers[offset : offset + limit].tolist()).values())

    def records(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known of these items, for `ITEM_RECORDS`; see `Store.records`."""
        asked = list(dict.fromkeys(int(number) for number in numbers if number >= 0))
        found = self._known(asked, ["record"])
        return {number: json.loads(found[number]["record"]) for number in asked if number in found}

    def show(self, id: str) -> dict[str, Any]:
        """Return all data of one item; see `Store.show`.

        Raises:
            InvalidInput: there is no such item.
        """
        row = self._row(id, ["record", "pictures", "added", "updated"])
        if row is None:
            raise InvalidInput(
                f"The catalogue in {self.address.uri} has no item '{id}'; 'whatsit catalogue list' shows the ids."
            )
        return {
            **json.loads(row["record"]),
            "number": number_of(id),
            "added": row["added"],
            "updated": row["updated"],
            "merged_into": None,
            "predicted": None,
            "images": [
                {"path": one["path"], "sha256": one["sha256"], "vectors": one["vectors"], "hidden": False}
                for one in json.loads(row["pictures"])
            ],
        }

    def pictures(self, id: str, fingerprint: str) -> tuple[Picture, ...]:
        """Return an item's pictures with vectors by this embedder, () for no item."""
        row = self._row(id, ["pictures"])
        if row is None:
            return ()
        found: dict[int, list[Vector]] = {}
        held = self.collections.vectors(fingerprint)
        if held is not None:
            numbers = np.array([number_of(id)], dtype=np.int64)
            fields = ["row", "position", "box", "vector"]
            rows = self._rows_of(held[0], numbers, fields)
            for one in sorted(rows, key=lambda one: one["row"]):
                vector = Vector(tuple(json.loads(one["box"])), np.array(one["vector"], dtype=np.float32))
                found.setdefault(one["position"], []).append(vector)
        return tuple(
            Picture(one["path"], one["sha256"], tuple(found.get(position, ())), facts=read_facts(one))
            for position, one in enumerate(json.loads(row["pictures"]))
        )

    def fields(self, id: str) -> ItemFields | None:
        """Return the fields of an item as they were put, None if there is no such item."""
        row = self._row(id, ["record"])
        if row is None:
            return None
        record = json.loads(row["record"])
        return ItemFields(**{name: record[name] for name in _FIELDS})

    def unchanged(self, items: Sequence[tuple[ItemFields, Sequence[Picture]]], fingerprint: str) -> set[str]:
        """Return the ids of those items that are stored with these fields and pictures."""
        numbers = [number_of(fields.id) for fields, _ in items]
        stored = self._known(numbers, ["id", "record", "pictures"])
        collection = self.collections.vectors(fingerprint)
        rows = self._rows_of(collection[0], np.array(numbers, dtype=np.int64), ["item"]) if collection else ()
        vectors = Counter(row["item"] for row in rows)
        unchanged = set()
        for fields, pictures in items:
            row, known = item_row(fields, pictures, "", ""), stored.get(number_of(fields.id))
            if known is None or any(
                json.loads(known[name]) != json.loads(row[name]) for name in ("record", "pictures")
            ):
                continue
            if sum(picture["vectors"] for picture in json.loads(row["pictures"])) == vectors[row["item"]]:
                unchanged.add(fields.id)
        return unchanged

    def fingerprints(self) -> list[str]:
        """Return the embedders whose vectors are here, the latest used one first."""
        return [fingerprint for fingerprint in self.collections.embedders() if self.vector_count(fingerprint)]

    def vector_count(self, fingerprint: str) -> int:
        """Return how many vectors of this embedder are here."""
        held = self.collections.vectors(fingerprint)
        if held is None:
            return 0
        with translate_errors(self.address.uri):
            return int(self._client.query(held[0], filter="", output_fields=["count(*)"])[0]["count(*)"])

    def vectors(self, fingerprint: str) -> tuple[npt.NDArray[np.float32], Numbers]:
        """Return an embedder's vectors f32 [N,D] and item numbers int64 [N], ascending.

        D is 0 where N is 0.
        """
        held = self.collections.vectors(fingerprint)
        if held is None:
            return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64)
        rows = self._every_row(held[0], "", ["row", "item", "vector"])
        by_row = sorted(rows, key=lambda row: (row["item"], row["row"]))
        found = [(row["item"], np.array(row["vector"], dtype=np.float32)) for row in by_row]
        values = np.array([vector for _, vector in found], dtype=np.float32).reshape(
            len(found), held[1] if found else 0
        )
        return values, np.array([number for number, _ in found], dtype=np.int64)

    def _write(self, changes: list[tuple[ItemFields, Sequence[Picture], str]]) -> list[Outcome]:
        known = self._known([number_of(fields.id) for fields, *_ in changes], ["id", "added"])
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        items: list[dict[str, Any]] = []
        vectors: dict[str, list[dict[str, Any]]] = {}
        counts: dict[tuple[str, int], list[int]] = {}
        for fields, pictures, fingerprint in changes:
            before = known.get(number_of(fields.id))
            if before is not None and before["id"] != fields.id:
                raise InvalidInput(f"The id '{fields.id}' has the number of '{before['id']}'; give it another id.")
            items.append(item_row(fields, pictures, before["added"] if before else now, now))
            rows = vector_rows(items[-1], pictures)
            vectors.setdefault(fingerprint, []).extend(rows)
            counts.setdefault((fingerprint, len(rows)), []).append(items[-1]["item"])
        collections = {
            fingerprint: self.collections.vectors_to_write(fingerprint, len(rows[0]["vector"]))
            for fingerprint, rows in vectors.items()
            if rows
        }
        with translate_errors(self.address.uri):
            for fingerprint, collection in collections.items():
                self._client.upsert(collection, vectors[fingerprint])
            self._forget_rows(counts, collections)
            if items:
                self._client.upsert(self._items, items)
        return ["added" if row["item"] not in known else "updated" for row in items]

    def _forget_rows(self, counts: dict[tuple[str, int], list[int]], collections: dict[str, str]) -> None:
        """Delete what these items had before beyond the rows that they have now."""
        for (fingerprint, count), numbers in counts.items():
            listed = one_of("item", np.array(numbers, dtype=np.int64))
            for collection in self._vector_collections():
                kept = count if collection == collections.get(fingerprint) else 0
                self._client.delete(collection, filter=f"ordinal >= {kept} and {listed}" if kept else listed)

    def _vector_collections(self) -> Iterator[str]:
        for fingerprint in self.collections.embedders():
            held = self.collections.vectors(fingerprint)
            if held is not None:
                yield held[0]

    def _known(self, numbers: Sequence[int], fields: list[str]) -> dict[int, dict[str, Any]]:
        """Number -> fields of those items that are there."""
        rows = self._rows_of(self._items, np.array(numbers, dtype=np.int64), ["item", *fields])
        return {row["item"]: row for row in rows}

    def _row(self, id: str, fields: list[str]) -> dict[str, Any] | None:
        row = self._known([number_of(id)], ["id", *fields]).get(number_of(id))
        return row if row is not None and row["id"] == id else None

    def _rows_of(self, collection: str, items: Numbers, fields: list[str]) -> Iterator[dict[str, Any]]:
        return rows_of(self._client, self.address.uri, collection, items, fields)

    def _every_row(self, collection: str, condition: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        return every_row(self._client, self.address.uri, collection, condition, fields)

    def _scanned(self, where: Filter | None) -> Numbers:
        """Return the items that fulfil a filter, by a scan of all records."""
        rows = self._every_row(self._items, "", ["item", "record"])
        fit = (row["item"] for row in rows if where is None or where.matches(json.loads(row["record"])))
        return np.sort(np.fromiter(fit, dtype=np.int64))

    def _check_writable(self) -> None:
        if self._read_only:
            raise Unavailable(f"The catalogue in {self.address.uri} was opened for reading alone.")
