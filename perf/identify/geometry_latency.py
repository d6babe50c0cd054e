"""Latency of a call on a catalogue with geometry against one without, interleaved."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe
from whatsit.pipeline.region_selection import RegionOptions, area_shares, patches
from whatsit.search.lookup import RegionFeatures
from whatsit.search.retriever import Retriever
from whatsit.search.search_options import SearchOptions

GROUPS = ("grocery", "clothing", "imagenet", "prints")


def compare(work: Path, data: Path, photos: int, rounds: int) -> dict[str, Any]:
    """Return medians and 99th percentiles over photos, ms.

    Args:
        work: folder with what `geometry_prints make` made.
        data: folder of the data sets.
        photos: a quarter of each of `GROUPS`.
        rounds: of every photo; least and median, wall time and the process's processor time.
    """
    store = GroceryStore(data / "grocery_store")
    chosen = _photos(work, data, store, photos // 4)
    folders = {name: work / f"mixed.{name}" for name in ("geometry", "vectors")}
    for name, folder in folders.items():
        add_to_catalogue(
            folder, data / "grocery_store" / "iconic-images-and-descriptions", work / "covers", work / "labels",
            geometry=name == "geometry", publish=True,
        )  # fmt: skip
    times: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in folders}
    ran = []
    with Networks() as networks:
        calls = {name: _call(Retriever(folder, networks.fingerprint), networks) for name, folder in folders.items()}
        for _, photo in chosen:
            content = photo.read_bytes()
            took: dict[str, list[tuple[float, float]]] = {name: [] for name in folders}
            for turn in range(rounds + 1):
                for name in folders if turn % 2 else reversed(folders):
                    gc.collect(0)
                    begin, worked = time.perf_counter(), time.process_time()
                    compared = calls[name](content)
                    took[name].append((1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - worked)))
                    if name == "geometry" and not turn:
                        ran.append(compared)
            for name in folders:
                times[name].append(took[name][1:])  # the first warms
    result: dict[str, Any] = {"load": round(os.getloadavg()[0], 1), "rounds": rounds}
    for what, column, reduce in (
        ("wall, least", 0, np.min),
        ("wall, median", 0, np.median),
        ("processor, least", 1, np.min),
    ):
        figures = {
            name: np.array([reduce(np.array(one)[:, column]) for one in values]) for name, values in times.items()
        }
        result[what] = {name: _quantiles(values) for name, values in figures.items()}
        with_, without = result[what]["geometry"], result[what]["vectors"]
        result[what]["ratio"] = {q: round(with_[q] / without[q], 3) for q in without}
    groups = [group for group, _ in chosen]
    result["geometry ran"] = {
        group: f"{sum(r for r, g in zip(ran, groups, strict=True) if g == group)} of {groups.count(group)}"
        for group in GROUPS
    }
    return result


def _photos(work: Path, data: Path, store: GroceryStore, each: int) -> list[tuple[str, Path]]:
    prints = [path for name in ("covers", "labels") for path in sorted((work / f"{name}-photos").glob("*.jpg"))]
    # From the end: covers show others of them.
    imagenet = sorted((data / "imagenet_sample").rglob("*.jp*g"))
    groups = {
        "grocery": [path for path, _ in store.photos()],
        "clothing": sorted((data / "clothing_small").rglob("*.jp*g")),
        "imagenet": imagenet,
        "prints": prints,
    }
    found = [[(name, path) for path in evenly_spread(paths, each)] for name, paths in groups.items()]
    return [one for together in zip(*found, strict=True) for one in together]


def _call(retriever: Retriever, networks: Networks) -> Callable[[bytes], bool]:
    """Return a call as the server makes it; it says whether geometry ran."""
    has_words = retriever.index.now().words is not None

    def call(content: bytes) -> bool:
        described = describe(content, RegionOptions(), networks)
        if described.gated:
            return False
        picture, regions = described.picture, described.regions
        cut = patches(picture, regions) if has_words else []
        features = [RegionFeatures(score=float(score)) for score in regions.scores]
        features[: len(cut)] = [
            RegionFeatures(score=float(score), patch=patch) for score, patch in zip(regions.scores, cut, strict=False)
        ]
        areas = area_shares(regions, picture.width, picture.height)
        found = retriever(described.embeddings, areas, SearchOptions(), features)
        return any(matches.inliers is not None for matches in found.regions)

    return call


def _quantiles(values: Any) -> dict[str, float]:
    return {
        "mean": round(float(values.mean()), 1),
        **{f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 90, 99)},
    }
