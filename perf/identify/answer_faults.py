"""The faults that people found in answers, measured with the former rule and with the present one.

Usage: python -m perf.identify.answer_faults [--data ../shared/data] [--work build/runs/answer]

The former rule answered for the region with the best score (less what a small area costs) where that score was 1.08 or
more, and named every region by its first match from 0.9. Both rules see the same matches of the same networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from whatsit_client.types import Region

from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.evaluation.datasets.grocery import GroceryClass, GroceryStore
from whatsit.pipeline.networks import Networks
from whatsit.ranking.main_region import main_region_score
from whatsit.ranking.score import MATCH_SCORE, MIN_SCORE
from whatsit.rendering.shop import encode_jpeg
from whatsit.search.offline_identifier import OfflineIdentifier
from whatsit.search.retriever import Retrieved
from whatsit.studies.answers.domains import CatalogueRow
from whatsit.studies.answers.look_up import write_rows
from whatsit.vision.decode import decode_image

TAKEN_OUT = tuple(range(1, 81, 4))  # 20 of 81
COLLAGES, CELLS, SIDE = 12, (2, 3), 300


@dataclass
class Tally:
    """Counts of one rule."""

    right: int = 0
    wrong: int = 0
    silent: int = 0

    def add(self, named: str | None, truth: str) -> None:
        """Count one answer; `truth` "" is a thing that the catalogue does not hold."""
        if named is None:
            self.silent += 1
        elif named == truth:
            self.right += 1
        else:
            self.wrong += 1

    def __str__(self) -> str:
        return f"{self.right} right, {self.wrong} wrong, {self.silent} silent"


def former(found: Retrieved, areas: Sequence[float]) -> str | None:
    """Return the id that the former rule answered; None for "not in the catalogue"."""
    best = [
        float(main_region_score(float(one.scores[0]), area)) if len(one) and one.scores[0] >= MIN_SCORE else -1.0
        for one, area in zip(found.regions, areas, strict=True)
    ]
    region = int(np.argmax(best))
    return None if best[region] < 0 else str(found.records[int(found.regions[region].numbers[0])]["id"])


def photos_of(grocery: GroceryStore, classes: Sequence[int], each: int) -> list[tuple[Path, GroceryClass]]:
    """Return the first val photos of some classes."""
    kept: dict[int, list[tuple[Path, GroceryClass]]] = {}
    for path, item in grocery.photos("val"):
        if item.label in classes:
            kept.setdefault(item.label, []).append((path, item))
    return [photo for photos in kept.values() for photo in photos[:each]]


def collage(photos: Sequence[Path]) -> bytes:
    """Return a grid of photos on grey, as JPEG."""
    rows, columns = CELLS
    canvas = np.full((rows * SIDE, columns * SIDE, 3), 200, np.uint8)
    for cell, path in enumerate(photos):
        pixels = decode_image(path.read_bytes(), max_side=800).pixels
        y, x = (cell // columns) * SIDE + 10, (cell % columns) * SIDE + 10
        canvas[y : y + SIDE - 20, x : x + SIDE - 20] = cv2.resize(
            pixels, (SIDE - 20, SIDE - 20), interpolation=cv2.INTER_AREA
        )
    return encode_jpeg(canvas)


def cell_of(region: Region) -> int:
    """Return the cell in which the middle of a region lies."""
    x1, y1, x2, y2 = region.box
    return int((y1 + y2) / 2 // SIDE) * CELLS[1] + int((x1 + x2) / 2 // SIDE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/runs/answer"))
    given = parser.parse_args()
    grocery = GroceryStore(given.data / "grocery_store")
    known = [label for label in range(81) if label not in TAKEN_OUT]
    rows = [CatalogueRow(one.name, one.coarse, (one.image,)) for one in grocery.gallery() if one.label in known]
    source, folder = write_rows(given.work, "grocery61", rows)
    add_to_catalogue(folder, source, publish=True)
    with Networks() as networks:
        identifier = OfflineIdentifier(folder, networks, calibrated=False)
        for name, classes, each in (("taken out", TAKEN_OUT, 2), ("in the catalogue", known, 1)):
            before, after, unsure = Tally(), Tally(), 0
            for path, item in photos_of(grocery, classes, each):
                photo = identifier.extract(path.read_bytes())
                found = identifier.retrieve(photo, None)
                truth = item.name if item.label in known else ""
                before.add(former(found, photo.areas.tolist()), truth)
                after.add(found.answer.ids[0] if found.answer.found else None, truth)
                unsure += found.answer.state == "unsure"
            print(f"photos of products {name}: before {before}; now {after} ({unsure} of them unsure)", flush=True)
        before, after = Tally(), Tally()
        every = photos_of(grocery, known, 2)
        order = np.random.default_rng(0).permutation(len(every))
        per = CELLS[0] * CELLS[1]
        for number in range(COLLAGES):
            chosen = [every[place] for place in order[number * per : (number + 1) * per]]
            photo = identifier.extract(collage([path for path, _ in chosen]))
            found = identifier.retrieve(photo, None)
            for index, matches in enumerate(found.regions):
                region = photo.boxes[index]
                if index == 0 or not len(matches):
                    continue
                truth = chosen[cell_of(Region(region, 1.0, "object"))][1].name
                first = str(found.records[int(matches.numbers[0])]["id"])
                before.add(first if matches.scores[0] >= MATCH_SCORE else None, truth)
                after.add(first if found.answer.regions[index].state == "found" else None, truth)
        print(f"regions of {COLLAGES} collages: before {before}; now {after}")


if __name__ == "__main__":
    main()
