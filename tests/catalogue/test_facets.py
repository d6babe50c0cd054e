"""Facets beside a count by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.store.store import Store


def _items() -> list[ItemFields]:
    return [
        ItemFields(
            id=f"i{n}",
            title=f"T{n}",
            brand=("A", "B", "")[n % 3],
            category="c",
            price=None if n == 5 else float(n),
            attributes={"size": n % 2, "organic": n % 4 == 0, "note": f"only {n}", "tags": ["x"]},
        )
        for n in range(12)
    ]


def test_facets_are_the_counts_of_the_items(tmp_path: Path) -> None:
    items = _items()
    with Store(tmp_path / "catalogue.sqlite") as store:
        store.put([(item, (), "f") for item in items])
        found = {facet.name: facet for facet in store.facets(limit=10)}
        part = {facet.name: facet for facet in store.facets(np.array([1, 2, 4]))}
    assert dict(found["brand"].values) == {k: v for k, v in Counter(item.brand for item in items).items() if k}
    assert dict(found["size"].values) == {0: 6, 1: 6}
    assert dict(found["organic"].values) == {True: 3, False: 9}
    assert (found["price"].items, found["price"].low, found["price"].high) == (11, 0.0, 11.0)
    assert (found["size"].low, found["size"].high, found["brand"].low) == (0.0, 1.0, None)
    assert "tags" not in found  # no plain value
    assert "note" not in found  # every item has another one
    assert sum(count for _, count in part["size"].values) == 3
