"""Large catalogues for measurements: items around embeddings of real photos.

python -m perf.catalogue.large_catalogue --items 1000000 --out /tmp/large  # 100 MB of vectors per 200,000 items

Each item's vector is the embedding of a photo, moved by Gaussian noise and brought back to unit length: a query has
many near neighbours, as in a real catalogue, and an approximate index is neither helped nor hurt by
uniform vectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, run_command
from perf.common.server_fixture import picture_files
from perf.index.many_vectors import embedded
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.index.generation_writer import write_generation

Floats = npt.NDArray[np.float32]
NOISE = 0.05  # per coordinate: the copies of a photo have a score of about 1.5 to it
CATEGORIES, BRANDS = 20, 200
BATCH = 20_000
SEED = 11


def catalogue_of(
    folder: Path, items: int, photos: Path, kinds: Sequence[str], log: Callable[[str], None] = print
) -> Path:
    """Return a catalogue with one generation of each kind; made where missing.

    Args:
        folder: of all sizes; the catalogue lies below it.
        items: how many, one picture and vector each.
        photos: folder of pictures whose embeddings are the items' centres.
        kinds: of index, such as `flat` and `hnsw`.
        log: takes the name of each step.
    """
    place = folder / f"items-{items}"
    layout = Layout(place)
    place.mkdir(parents=True, exist_ok=True)
    fingerprint = embedder_fingerprint(network_file(default_root() / "model_repository", "embedder"))
    with Store(layout.store) as store:
        there = store.count()
    if there == items and not set(kinds) - set(read_kinds(place)):
        return place
    vectors = _vectors(_centres(folder, photos, fingerprint), items)
    if there != items:
        log(f"writing {items} records")
        layout.store.unlink(missing_ok=True)
        Store(layout.store).close()
        _write_records(layout.store, vectors, fingerprint)
    made = read_kinds(place)
    for kind in kinds:
        if kind not in made:
            log(f"building {kind} of {items}")
            numbers = np.arange(1, items + 1, dtype=np.int64)
            made[kind] = write_generation(layout.index, vectors, numbers, fingerprint, kind=kind, keep=9).folder.name
            (place / "kinds.json").write_text(json.dumps(made))
    return place


def read_kinds(place: Path) -> dict[str, str]:
    """Kind of index -> name of its generation."""
    file = place / "kinds.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def _centres(folder: Path, photos: Path, fingerprint: str) -> Floats:
    """Embeddings of the photos, f32 [N,128], computed once."""
    file = folder / f"centres-{fingerprint}.npy"
    if not file.is_file():
        np.save(file, embedded(picture_files(photos, 2000)))
    return np.asarray(np.load(file), dtype=np.float32)


def _vectors(centres: Floats, items: int) -> Floats:
    """Unit vectors f32 [items,D] around the centres, the same at every call."""
    generator = np.random.default_rng(SEED)
    vectors: Floats = centres[generator.integers(len(centres), size=items)]
    for start in range(0, items, BATCH):
        part = vectors[start : start + BATCH]
        part += NOISE * generator.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def _write_records(path: Path, vectors: Floats, fingerprint: str) -> None:
    """Insert all rows in one transaction, without a change log."""
    import sqlite3

    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    numbers = range(1, len(vectors) + 1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            "INSERT INTO items (number, id, title, brand, category, price, url, attributes, added, updated) "
            "VALUES (?,?,?,?,?,?,?,?,?,?)",
            (_item(number, now) for number in numbers),
        )
        connection.executemany(
            "INSERT INTO images (image, item, position, path, sha256) VALUES (?,?,0,?,?)",
            ((number, number, f"/none/{number}.jpg", f"{number:064x}") for number in numbers),
        )
        connection.executemany(
            "INSERT INTO vectors (image, fingerprint, x1, y1, x2, y2, vector) VALUES (?,?,0,0,224,224,?)",
            _blobs(vectors, fingerprint),
        )
        connection.execute(
            "INSERT INTO item_text (rowid, title, brand, category, attributes) "
            "SELECT number, title, brand, category, '' FROM items"
        )


def _item(number: int, now: str) -> tuple[Any, ...]:
    brand, category = f"Brand {number * 7 % BRANDS}", f"category {number % CATEGORIES}"
    attributes = json.dumps({"size": f"{number % 9 + 1}00 g", "stock": number % 50})
    url, price = f"https://shop.example/{number}", round(0.5 + number % 997 / 10, 2)
    return number, f"item-{number}", f"Product {number} by {brand}", brand, category, price, url, attributes, now, now


def _blobs(vectors: Floats, fingerprint: str) -> Iterator[tuple[int, str, bytes]]:
    for row, vector in enumerate(vectors):
        yield row + 1, fingerprint, vector.astype("<f4").tobytes()


def main(
    items: Annotated[list[int], typer.Option(help="How many; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Where they are kept.")] = Path("/tmp/whatsit-large"),
    photos: Annotated[Path, typer.Option(help="Pictures that items lie around.")] = DATA / "grocery_store",
    kinds: Annotated[str, typer.Option(help="Kinds of index, a comma list.")] = "flat,hnsw",
) -> None:
    """Prepare catalogues of these sizes, each with an index of each kind."""
    for count in items:
        print(catalogue_of(out, count, photos, kinds.split(",")))


if __name__ == "__main__":
    run_command(main)
