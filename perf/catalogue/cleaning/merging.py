"""Merging: found and wrong merges of items that were split at random in two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from perf.catalogue.cleaning.denoise import subjects
from perf.catalogue.cleaning.photos import RENDERED_PRODUCTS, RENDERED_SEED, Photos, grocery
from perf.common.tables import chart
from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.cleaning.merge import Confusion, confusions, contradict
from whatsit.rendering.product import make_products

COLUMNS = (
    "pictures", "smaller part", "titles known", "min_confusion", "items", "split", "precision", "recall", "false",
    "seeds", "is the default",
)  # fmt: skip
SEEDS = 5
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def measure(data: Path, work: Path) -> Iterator[list[object]]:
    """Return a row per set of pictures, size of the smaller part and threshold."""
    sets = {name: photos for name, (photos, _) in subjects(data, work).items() if "in items of" not in name}
    val = grocery(data, work, "val")
    sets["grocery val, up to 6 photos an item"] = val
    titles = {"rendered products": [product.title for product in make_products(RENDERED_PRODUCTS, RENDERED_SEED)]}
    for name, photos in sets.items():
        for share in (0.5, 0.2):
            splits = [_split(photos, share, seed) for seed in range(SEEDS)]
            for known in (None, *([titles[name]] if name in titles else [])):
                for threshold in THRESHOLDS:
                    yield [name, share, "yes" if known else "no", threshold, *_judged(splits, threshold, known)]


def _split(photos: Photos, share: float, seed: int) -> tuple[list[Confusion], set[tuple[int, int]], int]:
    """Return confusions, the pairs of one item (2 c, 2 c + 1), and the item count."""
    random = np.random.default_rng([7, seed])
    classes = np.unique(photos.labels)
    parted = np.isin(photos.labels, random.permutation(classes)[: len(classes) // 2])
    items = 2 * photos.labels + (parted & (random.random(len(photos.labels)) < share))
    counts, least = np.bincount(items, minlength=2 * int(classes.max()) + 2), CleaningSettings()
    pairs = {(2 * c, 2 * c + 1) for c in classes.tolist() if min(counts[2 * c], counts[2 * c + 1]) >= least.min_merged}
    found = [
        pair
        for pair in confusions(photos.vectors, items)
        if pair.similarity >= least.min_likeness and min(counts[pair.one], counts[pair.other]) >= least.min_merged
    ]
    return found, pairs, len(np.unique(items))


def _judged(
    splits: list[tuple[list[Confusion], set[tuple[int, int]], int]], threshold: float, titles: list[str] | None
) -> list[object]:
    right = wrong = real = 0
    for found, pairs, _ in splits:
        for pair in found:
            if pair.mutual < threshold:
                continue
            if titles and contradict((titles[pair.one // 2], titles[pair.other // 2]), (None, None)):
                continue
            right += (pair.one, pair.other) in pairs
            wrong += (pair.one, pair.other) not in pairs
        real += len(pairs)
    precision = f"{right / (right + wrong):.4f}" if right + wrong else "-"
    items, split = (round(np.mean([one[2] for one in splits])), round(real / len(splits)))
    default = "yes" if threshold == CleaningSettings().min_confusion else ""
    return [items, split, precision, f"{right / max(real, 1):.4f}", wrong, len(splits), default]


def draw(rows: list[list[object]], path: Path) -> None:
    """Precision against recall over the threshold."""
    labels = "recall of the merges", "precision of the merges"
    title = "Merging: half of the items split at random in two"
    with chart(path, labels, legend=7, title=title, xlim=(0, 1.02), ylim=(0, 1.02)) as axes:
        for place, key in enumerate(dict.fromkeys((str(row[0]), row[1], str(row[2])) for row in rows)):
            some = [row for row in rows if (str(row[0]), row[1], str(row[2])) == key and row[6] != "-"]
            label = f"{key[0]}, {key[1]:.0%} split off" + (", titles known" if key[2] == "yes" else "")
            dash = "--" if key[2] == "yes" else "-" if key[1] == 0.5 else ":"
            recall, precision = ([float(str(row[column])) for row in some] for column in (7, 6))
            axes.plot(recall, precision, dash, marker=".", label=label, color=f"C{place}")
