"""Denoising: found share of moved pictures, and lost share of good ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perf.catalogue.cleaning.photos import Photos, clothing, grocery, rendered
from perf.common.tables import chart
from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.cleaning.denoise import belonging

COLUMNS = (
    "pictures", "radii", "items", "judged", "moved", "moved_found", "good_dropped", "seeds", "is the default",
)  # fmt: skip
MOVED = 0.1
SEEDS = 5
LAYERS: Sequence[tuple[float, ...]] = (
    (0.2,), (0.3,), (0.4,), (0.5,), (0.1, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4), (0.15, 0.3, 0.45), (0.2, 0.35, 0.5),
    (0.2, 0.4, 0.6),
)  # fmt: skip
Flags = npt.NDArray[np.bool_]


def measure(data: Path, work: Path) -> Iterator[list[object]]:
    """Return a row per set of pictures and layers."""
    for name, (photos, judged) in subjects(data, work).items():
        for radii in LAYERS:
            found, dropped, moved_count = _judged(photos, judged, radii)
            yield [
                name, " ".join(map(str, radii)), len(np.unique(photos.labels)), int(judged.sum()), moved_count,
                f"{found:.4f}", f"{dropped:.4f}", SEEDS, "yes" if radii == CleaningSettings().radii else "",
            ]  # fmt: skip


def subjects(data: Path, work: Path) -> dict[str, tuple[Photos, Flags]]:
    """Pictures with marks of those that are moved and of those that are counted."""
    train, val = grocery(data, work, "train"), grocery(data, work, "val")
    both = Photos(np.concatenate([train.labels, val.labels]), np.concatenate([train.vectors, val.vectors]), {})
    sets = {
        "grocery train, even classes (chosen on)": train.only(train.labels % 2 == 0),
        "grocery train, odd classes": train.only(train.labels % 2 == 1),
        "grocery val, in items of train photos": both,
        "clothing, 10 classes for items": clothing(data, work),
        "rendered products": rendered(work),
    }
    flags = {name: np.ones(len(photos.labels), np.bool_) for name, photos in sets.items()}
    flags["grocery val, in items of train photos"][: len(train.labels)] = False
    return {name: (photos, flags[name]) for name, photos in sets.items()}


def _judged(photos: Photos, judged: Flags, radii: Sequence[float]) -> tuple[float, float, int]:
    found, dropped, counts = [], [], []
    for seed in range(SEEDS):
        random = np.random.default_rng([3, seed])
        moved = judged & (random.random(len(judged)) < MOVED)
        items, classes = photos.labels.copy(), np.unique(photos.labels)
        for n in np.flatnonzero(moved):
            items[n] = random.choice(classes[classes != items[n]])
        gone = np.zeros(len(items), np.bool_)
        for item in classes:
            members = np.flatnonzero(items == item)
            if len(members) >= CleaningSettings().min_pictures:
                gone[members] = ~belonging(photos.vectors[members], radii)
        found.append(gone[moved].mean())
        dropped.append(gone[judged & ~moved].mean())
        counts.append(int(moved.sum()))
    return float(np.mean(found)), float(np.mean(dropped)), round(float(np.mean(counts)))


def draw(rows: list[list[object]], path: Path) -> None:
    """Draw moved pictures found against good ones dropped, a line for each set."""
    labels = "good pictures dropped", "moved pictures found"
    title = "Denoising: 10 % of the pictures moved to other items"
    with chart(path, labels, title=title, xlim=(-0.002, 0.1), ylim=(0, 1.02)) as axes:
        for name in dict.fromkeys(str(row[0]) for row in rows):
            points = sorted((float(str(row[6])), float(str(row[5]))) for row in rows if row[0] == name)
            axes.plot(*zip(*points, strict=True), marker=".", label=name)
        axes.axhline(0.8, color="grey", lw=0.8)
        axes.axvline(0.03, color="grey", lw=0.8)
