"""Regions with and without the rules of heaps and of names: how many, and what is found in them.

python -m perf.identify.region_rules  # prints the tables of perf/results/regions.md; some minutes

Vectors alone, without ranking stages: the region with the best main region score answers. Collages are those of
`whatsit evaluate identify`; names are counted on groceries and on pictures that show nothing of the detector's classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, Data, run_command
from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
from whatsit.evaluation.datasets.product_scenes import ProductScene, collages
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import PictureDescription, describe
from whatsit.pipeline.region_selection import RegionOptions, area_shares
from whatsit.ranking.main_region import main_region_score
from whatsit.vision import heaps, regions
from whatsit.vision.boxes import FloatArray, iou

_STRANGERS = {"bsds500": "images/*.jpg", "ikea rooms": "images/room_*.jpg", "coco128": "images/**/*.jpg"}


@dataclass
class Tally:
    """Sums over pictures of one set by one rule."""

    pictures: int = 0
    regions: int = 0
    things: int = 0
    named: int = 0
    found: dict[str, int] = field(default_factory=dict)

    def add(self, described: PictureDescription, things: int, **found: int) -> None:
        """Count a picture with its things, and what was found of them."""
        self.pictures, self.things = self.pictures + 1, self.things + things
        self.regions += len(described.regions)
        self.named += sum(label != "object" for label in described.regions.objects.labels)
        for name, count in found.items():
            self.found[name] = self.found.get(name, 0) + count

    def __str__(self) -> str:
        boxes = max(1, self.regions - self.pictures)
        shares = [f"{name} {100 * count / self.things:.1f} %" for name, count in self.found.items()]
        return "  ".join(
            [f"{self.regions / max(1, self.pictures):.2f} regions", f"named {100 * self.named / boxes:.1f} %", *shares]
        )


@contextmanager
def rules(kept: bool) -> Iterator[None]:
    """Select regions with the rules, or without them."""
    least, named = heaps.LEAST, regions.NAMED
    if not kept:
        heaps.LEAST, regions.NAMED = 10**6, 0.0
    try:
        yield
    finally:
        heaps.LEAST, regions.NAMED = least, named


def main(
    data: Data = DATA,
    limit: Annotated[int | None, typer.Option(min=1, help="Pictures of each set, evenly spread.")] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Collages of two to four val photos.")] = 30,
) -> None:
    """Measure and print."""
    grocery = GroceryStore(data / "grocery_store")
    names = [item.name for item in grocery.gallery()]
    with Networks() as networks:
        crops = [decode_picture(item.image.read_bytes()).whole_crop for item in grocery.gallery()]
        gallery = np.concatenate([networks.embedder(crop[None])["embedding"] for crop in crops]).astype(np.float32)
        photos = evenly_spread(grocery.photos("val"), limit)
        made = list(collages([(path, item.name) for path, item in grocery.photos()], scenes, 0))
        for kept in (False, True):
            with rules(kept):
                print("with the rules" if kept else "without")
                tally = Tally()
                for path, item in photos:
                    described = describe(path.read_bytes(), RegionOptions(), networks)
                    tally.add(described, 1, **_photo(described, gallery, names.index(item.name)))
                print(f"  {len(photos)} val photos: {tally}", flush=True)
                print(f"  {scenes} collages: {_scenes(made, gallery, names, networks)}", flush=True)
                for name, pattern in _STRANGERS.items():
                    files = sorted((data / name.split()[0]).glob(pattern))
                    print(f"  {name}: {_strangers(evenly_spread(files, limit), networks)}", flush=True)


def _photo(described: PictureDescription, gallery: FloatArray, truth: int) -> dict[str, int]:
    """Return whether any region, and the answering one, has the truth first."""
    scores = 2 - np.sqrt(np.maximum(0, 2 - 2 * described.embeddings @ gallery.T))
    areas = area_shares(described.regions, described.picture.width, described.picture.height)
    answering = int(np.argmax(main_region_score(scores.max(axis=1), areas)))
    return {"any": int(scores.max(axis=0).argmax() == truth), "answered": int(scores[answering].argmax() == truth)}


def _scenes(made: Iterable[ProductScene], gallery: FloatArray, names: Sequence[str], networks: Networks) -> Tally:
    tally = Tally()
    for scene in made:
        described = describe(scene.image, RegionOptions(), networks)
        firsts: npt.NDArray[np.int64] = (described.embeddings @ gallery.T).argmax(axis=1)
        first = len({names[k] for k in firsts} & set(scene.items))
        boxed = int((iou(scene.boxes, described.regions.boxes).max(axis=1) >= 0.5).sum())
        tally.add(described, len(scene.items), first=first, boxed=boxed)
    return tally


def _strangers(files: Sequence[Path], networks: Networks) -> Tally:
    """Count the pictures for which the gate is open."""
    tally = Tally()
    for file in files:
        described = describe(file.read_bytes(), RegionOptions(), networks)
        if not described.gated:
            tally.add(described, 1)
    return tally


if __name__ == "__main__":
    run_command(main)
