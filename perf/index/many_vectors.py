"""Vectors of a large catalogue, made from real embeddings.

The grocery and clothing photos are embedded once by the shipped embedder. An item lies between a photo and one of its
20 nearest neighbours of the same class, a little off; a picture of the item (each has four) and a query (one more) lie
a little off the item. How photos differ from their class neighbours, direction by direction, is how things are moved
off: so the neighbourhoods are as thin as real ones, not round as plain noise would make them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import faiss
import numpy as np
import numpy.typing as npt
import typer
from rich.progress import track

from perf.common.setting import ROOT
from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions

Work = Annotated[Path, typer.Option(help="Folder of what is made once and kept.")]
WORK = ROOT / "build" / "runs" / "vectors"
Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

PICTURES = 4
"""Pictures of an item."""

# Lengths of the steps off a photo's line and off an item, in units of what photos differ from a class neighbour.
_ITEM_STEP = 0.7
_PICTURE_STEP = 0.35
_NEIGHBOURS = 20
_PIECE = 50_000


@dataclass(frozen=True)
class Photos:
    """Embedded photos.

    Args:
        vectors: f32 [N,128], unit length.
        labels: int64 [N], grocery classes 0..80, clothing classes 81..90.
    """

    vectors: Floats
    labels: Numbers


@dataclass(frozen=True)
class Catalogue:
    """Many vectors and held-out queries.

    Args:
        vectors: f32 [N,128], unit length.
        items: int64 [N], ascending; four rows an item.
        labels: int64 [N], the class of each row.
        queries: f32 [Q,128], pictures of items that are in the catalogue, which are not in it themselves.
        query_labels: int64 [Q].
        nearest: int64 [Q,100], the rows nearest to each query, exact.
    """

    vectors: Floats
    items: Numbers
    labels: Numbers
    queries: Floats
    query_labels: Numbers
    nearest: Numbers


def photos(data: Path, work: Path, split: str) -> Photos:
    """Return the embedded photos of `train` or `val`, cached in `work`."""
    file = work / f"photos-{split}.npz"
    if not file.is_file():
        grocery, clothing = GroceryStore(data / "grocery_store"), Clothing(data / "clothing_small")
        if split == "train":
            paths = [*grocery.queries("train"), *clothing.gallery()]
            labels = [*grocery.truth("train"), *(81 + label for label in clothing.gallery_truth())]
        else:
            paths = [*grocery.queries("val"), *clothing.queries()]
            labels = [*grocery.truth("val"), *(81 + label for label in clothing.truth())]
        work.mkdir(parents=True, exist_ok=True)
        np.savez(file, vectors=embedded(paths), labels=np.array(labels, dtype=np.int64))
    kept = np.load(file)
    return Photos(kept["vectors"], kept["labels"])


def embedded(paths: Sequence[Path]) -> Floats:
    """Return the embeddings of whole pictures, f32 [N,128]."""
    with Networks() as networks:
        pictures = (decode_picture(path.read_bytes()) for path in track(paths, "embedding photos"))
        return np.stack([embed_regions(picture, picture.whole, networks.embedder)[0] for picture in pictures])


def catalogue(known: Photos, count: int, queries: int, work: Path, seed: int = 0) -> Catalogue:
    """Make (or read again) a catalogue of `count` vectors, memory-mapped.

    Args:
        known: the photos that it is made of.
        count: vectors, a multiple of four.
        queries: how many.
        work: folder where it is kept.
        seed: of everything.
    """
    folder = work / f"vectors-{count}-{seed}"
    if not (folder / "nearest.npy").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        steps, partners = _neighbourhoods(known)
        items = count // PICTURES
        vectors = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            folder / "vectors.npy", "w+", np.float32, (count, known.vectors.shape[1])
        )
        labels = np.empty(count, dtype=np.int64)
        centres = np.empty((items, known.vectors.shape[1]), dtype=np.float32)
        for start in range(0, items, _PIECE):
            size = min(_PIECE, items - start)
            made, sources = _items(known, steps, partners, size, rng)
            centres[start : start + size] = made
            rows = slice(start * PICTURES, (start + size) * PICTURES)
            vectors[rows] = _pictures(np.repeat(made, PICTURES, axis=0), steps, rng)
            labels[rows] = np.repeat(known.labels[sources], PICTURES)
        asked = rng.choice(items, queries, replace=False)
        wanted = _pictures(centres[asked], steps, rng)
        np.save(folder / "labels.npy", labels)
        np.save(folder / "queries.npy", wanted)
        np.save(folder / "query_labels.npy", labels[asked * PICTURES])
        _, nearest = faiss.knn(wanted, np.asarray(vectors), 100)
        vectors.flush()
        np.save(folder / "nearest.npy", nearest)
    read = {name: np.load(folder / f"{name}.npy") for name in ("labels", "queries", "query_labels", "nearest")}
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    return Catalogue(vectors, np.arange(count) // PICTURES, **read)


def perturbed(known: Photos, copies: int, seed: int = 0) -> tuple[Floats, Numbers]:
    """Return photos and perturbed copies: f32 [N,D] and classes int64 [N]."""
    rng = np.random.default_rng(seed)
    steps, _ = _neighbourhoods(known)
    again = np.repeat(known.vectors, copies, axis=0)
    made = _unit(again + _ITEM_STEP * _noise(steps, len(again), rng))
    return np.concatenate([known.vectors, made]), np.concatenate([known.labels, np.repeat(known.labels, copies)])


def recall(found: Numbers, truth: Numbers) -> float:
    """Share of the true neighbours that were found: int64 [Q,k] each."""
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, truth, strict=True)]))


def _neighbourhoods(known: Photos) -> tuple[Floats, Numbers]:
    """Return differences of class neighbours f32 [M,D] and neighbours int64 [N,20]."""
    partners = np.empty((len(known.vectors), _NEIGHBOURS), dtype=np.int64)
    for label in np.unique(known.labels):
        rows = np.flatnonzero(known.labels == label)
        own = np.ascontiguousarray(known.vectors[rows])
        _, found = faiss.knn(own, own, min(_NEIGHBOURS + 1, len(rows)))
        partners[rows] = rows[found[:, 1:]][:, np.arange(_NEIGHBOURS) % max(len(rows) - 1, 1)]
    differences = known.vectors[partners[:, :5]] - known.vectors[:, None]
    return differences.reshape(-1, known.vectors.shape[1]), partners


def _items(
    known: Photos, steps: Floats, partners: Numbers, count: int, rng: np.random.Generator
) -> tuple[Floats, Numbers]:
    sources = rng.integers(0, len(known.vectors), count)
    mates = partners[sources, rng.integers(0, _NEIGHBOURS, count)]
    share = rng.uniform(0, 0.5, (count, 1)).astype(np.float32)
    base = known.vectors[sources] * (1 - share) + known.vectors[mates] * share
    return _unit(base + _ITEM_STEP * _noise(steps, count, rng)), sources


def _pictures(items: Floats, steps: Floats, rng: np.random.Generator) -> Floats:
    return _unit(items + _PICTURE_STEP * _noise(steps, len(items), rng))


def _noise(steps: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Random steps with the covariance of `steps`: mixtures of eight of them."""
    chosen = steps[rng.integers(0, len(steps), (count, 8))]
    weights = rng.normal(size=(count, 8, 1)).astype(np.float32) / np.float32(np.sqrt(8))
    return np.asarray((chosen * weights).sum(axis=1), dtype=np.float32)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
