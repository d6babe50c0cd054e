"""Ingestion and index with and without objects."""

from __future__ import annotations

import time
from pathlib import Path

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.ingest import ingest
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.catalogue.ingest.thread_executor import InThreads
from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.publish import publish
from whatsit.catalogue.sources import Row

COST_COLUMNS = [
    "pictures", "objects", "vectors each", "CPU ms each", "index bytes each", "SQLite bytes each"
]  # fmt: skip


def object_costs(data: Path, work: Path, pictures: int) -> list[list[str]]:
    """Return the rows of pictures of one thing and of rooms, each without and with objects.

    CPU time is of all threads and counts only this process, so that other work on the machine matters little.
    """
    paths = sorted((data / "ikea" / "images").glob("*.jpg"))
    kinds = {
        "ikea's items on white": [path for path in paths if not path.name.startswith("room_")][::10][:pictures],
        "ikea's rooms": [path for path in paths if path.name.startswith("room_")][:pictures],
    }
    rows: list[list[str]] = []
    with PictureAnalyzer() as look:
        for kind, chosen in kinds.items():
            for objects in (False, True):
                rows.append(_costs(kind, chosen, objects, look, work / f"{len(rows)}"))
    return rows


def _costs(kind: str, paths: list[Path], objects: bool, look: PictureAnalyzer, folder: Path) -> list[str]:
    layout = Layout(folder)
    with Store(layout.store) as store:
        store.objects.keep(objects)
        begun = time.process_time()
        ingest(
            store,
            [Row(ItemFields(path.stem), (path,), str(path)) for path in paths],
            InThreads(look, 1),
            look.fingerprint,
        )
        spent = time.process_time() - begun
        publish(store, layout.index)
        vectors = store.vector_count(look.fingerprint)
    index = sum(file.stat().st_size for file in layout.index.rglob("*") if file.is_file())
    tables = sum(file.stat().st_size for file in folder.glob("catalogue.sqlite*"))
    count = len(paths)
    return [
        f"{count} of {kind}", "yes" if objects else "no", f"{vectors / count:.1f}", f"{1000 * spent / count:.0f}",
        f"{index / count:.0f}", f"{tables / count:.0f}",
    ]  # fmt: skip
