"""Catalogues of real photos with copies of known origin among an item's pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perf.catalogue.cleaning.photos import COPIES
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.sources import SourceOptions
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.vision.decode import decode_image

COPIED = 1_000
SEED = 5


@dataclass(frozen=True)
class Truth:
    """What is known of the pictures.

    Args:
        origin: hash of a picture's file -> name of the photo that it was made of.
        duplicates: number of pictures that are copies.
    """

    origin: dict[str, str]
    duplicates: int

    def same(self, first: str, second: str) -> bool:
        """Return whether two pictures are one, by the hashes of their files."""
        return self.origin[first] == self.origin[second]


def prepared(data: Path, work: Path, rest: int) -> tuple[Path, Truth]:
    """Return a catalogue of every second class of the grocery train photos, with 1,000 copies.

    Args:
        data: folder of the data sets.
        work: folder of photos and catalogues, filled where it is empty.
        rest: of classes by 2: 1 for those that are reported, 0 for those that settings were chosen on.
    """
    photos, folder = work / f"photos-{rest}", work / f"catalogue-{rest}"
    if not (photos / "done").is_file():
        _write(data, photos, rest)
    if not (folder / "done").is_file():
        add_to_catalogue(folder, photos, options=SourceOptions(folders="products"), steps=["hash"], workers=1,
                         progress=lambda done, total, report: print(f"\r{done} of {total} items", end=""))  # fmt: skip
        (folder / "done").touch()
    origin, copies = {}, 0
    for path in photos.glob("*/*.jpg"):
        name, _, kind = path.stem.partition("--")
        origin[hashlib.sha256(path.read_bytes()).hexdigest()] = f"{path.parent.name}/{name}"
        copies += bool(kind)
    return folder, Truth(origin, copies)


def _write(data: Path, photos: Path, rest: int) -> None:
    store = GroceryStore(data / "grocery_store")
    paths, labels = store.queries("train"), store.truth("train")
    chosen = [n for n, label in enumerate(labels) if label % 2 == rest]
    rng = np.random.default_rng(SEED)
    copied = set(rng.choice(chosen, COPIED, replace=False).tolist())
    kinds = list(COPIES)
    for n in chosen:
        folder = photos / f"class-{labels[n]:03}"
        folder.mkdir(parents=True, exist_ok=True)
        data_ = paths[n].read_bytes()
        (folder / f"{n:05}.jpg").write_bytes(data_)
        if n in copied:
            kind = kinds[int(rng.integers(len(kinds)))]
            pixels = decode_image(data_).pixels
            (folder / f"{n:05}--{kinds.index(kind)}.jpg").write_bytes(COPIES[kind](pixels))
    (photos / "done").touch()
