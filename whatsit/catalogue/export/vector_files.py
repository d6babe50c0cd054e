"""Export of a catalogue's vectors: a FAISS index, and a table of its rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from whatsit.catalogue.protocols import CatalogueStore
from whatsit.index.current_generation import sync_folder


def write_vectors(store: CatalogueStore, records: Iterable[dict[str, Any]], path: Path, fingerprint: str) -> int:
    """Write every vector of items as `path` and what each is as `path` + `.rows.csv`.

    The index is exact (IndexFlatL2); row n of it is line n of the table: id, picture, box in pixels.

    Args:
        store: the catalogue.
        records: of the items.
        path: of the index.
        fingerprint: of the embedder.

    Returns:
        The number of vectors.
    """
    import faiss

    index = None
    with path.with_name(f"{path.name}.rows.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["row", "id", "picture", "path", "x1", "y1", "x2", "y2"])
        row = 0
        for record in records:
            for position, picture in enumerate(store.pictures(record["id"], fingerprint)):
                for vector in picture.vectors:
                    if index is None:
                        index = faiss.IndexFlatL2(len(vector.values))
                    index.add(np.asarray(vector.values, np.float32)[None])
                    table.writerow([row, record["id"], position, picture.path, *vector.box])
                    row += 1
    faiss.write_index(faiss.IndexFlatL2(1) if index is None else index, str(path))
    sync_folder(path.parent)
    return row
