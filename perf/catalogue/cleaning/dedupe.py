"""Near-duplicate detection of copied photos, by hash and radius."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from perf.catalogue.cleaning.photos import COPIES, Photos, grocery, grocery_copies
from perf.common.tables import chart
from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.index.hash_index import HashIndex
from whatsit.vision.perceptual_hash import KINDS, Kind

COLUMNS = (
    "hash", "classes", "verified", "radius", "recall", *(f"recall {kind}" for kind in COPIES),
    "precision", "pairs", "false", "false of one class", "false of neighbouring files",
)  # fmt: skip
RADII = range(17)
PARTS = {"even (chosen on)": 0, "odd (reported)": 1}


@dataclass(frozen=True)
class _Part:
    """The photos of some classes, and their copies."""

    originals: Photos
    copies: dict[str, Photos]
    files: list[Path]


def measure(data: Path, work: Path) -> list[list[object]]:
    """Return a row per hash, part, verification and radius; a pair must be a copy."""
    originals = grocery(data, work, "train")
    copies = {kind: grocery_copies(data, work, kind) for kind in COPIES}
    files = GroceryStore(data / "grocery_store").queries("train")
    rows: list[list[object]] = []
    for name, rest in PARTS.items():
        chosen = np.flatnonzero(originals.labels % 2 == rest)
        part = _Part(
            originals.only(chosen),
            {kind: one.only(chosen) for kind, one in copies.items()},
            [files[n] for n in chosen],
        )
        for kind in KINDS:
            rows += _rows(part, kind, name)
    return rows


def _rows(part: _Part, kind: Kind, name: str) -> Iterator[list[object]]:
    index, count = HashIndex(part.originals.hashes[kind]), len(part.files)
    found = {}
    for copy, photos in part.copies.items():
        rows, numbers, bits = index.within(photos.hashes[kind], max(RADII))
        similarity = np.einsum("nd,nd->n", photos.vectors[rows], part.originals.vectors[numbers])
        found[copy] = (rows, numbers, bits, similarity)
    for verified in (False, True):
        least = CleaningSettings().min_similarity if verified else -1.0
        for radius in RADII:
            recalls, right, wrong = [], 0, []
            for rows, numbers, bits, similarity in found.values():
                near = (bits <= radius) & (similarity >= least)
                own = near & (rows == numbers)
                recalls.append(int(own.sum()) / count)
                right += int(own.sum())
                wrong += list(zip(rows[near & ~own].tolist(), numbers[near & ~own].tolist(), strict=True))
            labels = part.originals.labels
            same = sum(labels[a] == labels[b] for a, b in wrong)
            neighbours = sum(_neighbouring(part.files[a], part.files[b]) for a, b in wrong)
            pairs = right + len(wrong)
            yield [
                kind, name, f"cosine {least}" if verified else "no", radius, f"{np.mean(recalls):.4f}",
                *(f"{one:.4f}" for one in recalls), f"{right / max(pairs, 1):.4f}", pairs, len(wrong), same, neighbours,
            ]  # fmt: skip


def draw(rows: list[list[object]], path: Path) -> None:
    """Draw precision against recall over the radius, per hash."""
    where = COLUMNS.index("precision")
    title = "Near duplicates: copies of grocery train photos (odd classes), by radius in bits"
    labels, limits = ("recall of copies", "precision of pairs"), (0.8, 1.002)
    with chart(path, labels, title=title, xlim=limits, ylim=limits) as axes:
        for kind, (verified, dash) in product(KINDS, {"no": "-", "cosine": "--"}.items()):
            curve = [
                (float(str(row[4])), float(str(row[where])), int(str(row[3])))
                for row in rows
                if row[0] == kind and "odd" in str(row[1]) and str(row[2]).startswith(verified)
            ]
            recall, precision, _ = zip(*curve, strict=True)
            label = kind if verified == "no" else f"{kind}, embeddings agree"
            axes.plot(recall, precision, dash, marker=".", label=label)
            for r, p, radius in curve if verified == "no" else ():
                if radius % 2 == 0 and r > 0.8:
                    axes.annotate(str(radius), (r, p), fontsize=7)


def _neighbouring(one: Path, other: Path) -> bool:
    """Return whether two photos were taken in sequence: neighbouring file numbers."""
    numbers = [int(path.stem.rpartition("_")[2]) for path in (one, other)]
    return one.parent == other.parent and abs(numbers[0] - numbers[1]) == 1
