"""Recall of the pictures in which an item appears, by several ways to order them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.backends import open_index_view
from whatsit.catalogue.store.object_table import PlacedVectors
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions, run_detector
from whatsit.search.item_search import ItemSearch
from whatsit.vision.boxes import iou
from whatsit.vision.regions import Regions, select_regions

FOUND_COLUMNS = ["way", "queries", "@1 %", "@5 %", "@20 %", "boxes of IoU >= 0.5 %", "mean IoU"]
_BATCH = 16
_WIDE_BOXES, _WIDE_SCORE, _WIDE_PADDINGS = 60, 0.05, (0.1, 0.25)

Floats = npt.NDArray[np.float32]
# Item -> scene -> its box in it, None where that is not known.
Truth = Mapping[str, Mapping[str, Floats | None]]


@dataclass(frozen=True)
class Gallery:
    """Vectors of the queries and of the scenes' objects.

    Args:
        whole: f32 [Q,D], of the items' pictures.
        main: f32 [Q,D], of the most certain object in each; the whole picture's where there is none.
        scenes: names [S].
        scene_whole: f32 [S,D].
        vectors: f32 [N,D], of objects.
        owners: int64 [N], the scene of each.
        ranks: int64 [N], place of each among its scene's objects by the detector's score.
        scores: f32 [N], the detector's.
        mean: f32 [D], of whole pictures.
    """

    whole: Floats
    main: Floats
    scenes: tuple[str, ...]
    scene_whole: Floats
    vectors: Floats
    owners: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]
    scores: Floats
    mean: Floats

    def near(self, queries: Floats, most: int = 32, least: float = 0.15, common: Floats | None = None) -> Floats:
        """Return the best value of an object of each scene, f32 [Q,S]."""
        taken = np.flatnonzero((self.ranks < most) & (self.scores >= least))
        values = queries @ self.vectors[taken].T
        if common is not None:
            values -= common[taken]
        return best_of_each(values, self.owners[taken], len(self.scenes))


def best_of_each(values: Floats, owners: npt.NDArray[np.int64], count: int) -> Floats:
    """Return the largest of the values [Q,N] of each owner, f32 [Q,count]."""
    best = np.full((len(values), count), -9.0, dtype=np.float32)
    np.maximum.at(best.T, owners, values.T)
    return best


def ikea_rows(catalogue: Path, pairs: Sequence[tuple[str, str]], root: Path, wide: Path | None) -> list[list[str]]:
    """Return the rows of all ways on ikea.

    The ways are compared on the items of even place, by which the product's own was chosen; the product is measured on
    the others.
    """
    truth: dict[str, dict[str, Floats | None]] = {}
    for item, room in pairs:
        truth.setdefault(item, {})[room] = None
    items = sorted(truth)
    chosen = {item: truth[item] for item in items[::2]}
    others = {item: truth[item] for item in items[1::2]}
    with Store(Layout(catalogue).store, read_only=True) as store:
        scenes = sorted({room for rooms in truth.values() for room in rooms} | _rooms(store))
        gallery = _gallery(store, list(chosen), scenes)
    rows = [_row(f"choice: {name}", order(gallery), gallery, chosen) for name, order in WAYS.items()]
    if wide is not None:
        rows += [_row(f"choice: {name}", found, gallery, chosen) for name, found in _wide(gallery, root, wide)]
    return [
        *rows,
        *(
            whole_row(f"{name}: whole pictures", catalogue, one, scenes)
            for name, one in (("others", others), ("all", truth))
        ),
        *(
            shipped_row(f"{name}: as shipped, --objects", catalogue, one)
            for name, one in (("others", others), ("all", truth))
        ),
    ]


def _rooms(store: Store) -> set[str]:
    return {record["id"] for record in store.page(limit=1_000_000) if record["id"].startswith("room_")}


def _hubness(gallery: Gallery, k: int) -> Floats:
    """Return the mean cosine of each object with its k nearest queries, f32 [N]."""
    return np.asarray(np.sort(gallery.whole @ gallery.vectors.T, axis=0)[-k:].mean(axis=0), dtype=np.float32)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0), dtype=np.float32)


def _shipped(gallery: Gallery, weight: float) -> Floats:
    return gallery.near((gallery.whole + gallery.main) / 2, common=weight * (gallery.vectors @ gallery.mean))


def _fused(gallery: Gallery, share: float) -> Floats:
    return share * (gallery.whole @ gallery.scene_whole.T) + (1 - share) * gallery.near(gallery.whole)


WAYS: dict[str, Callable[[Gallery], Floats]] = {
    "by chance": lambda g: np.random.default_rng(0).normal(size=(len(g.whole), len(g.scenes))).astype(np.float32),
    "whole pictures": lambda g: g.whole @ g.scene_whole.T,
    "whole pictures, standardised per scene": lambda g: _standard(g.whole @ g.scene_whole.T),
    "32 objects of score 0.15": lambda g: g.near(g.whole),
    "16 objects of score 0.15": lambda g: g.near(g.whole, 16),
    "7 objects of score 0.25 (a search's regions)": lambda g: g.near(g.whole, 7, 0.25),
    "7 objects of score 0.4": lambda g: g.near(g.whole, 7, 0.4),
    "32 objects, query: the item's main object": lambda g: g.near(g.main),
    "32 objects, query: both": lambda g: g.near((g.whole + g.main) / 2),
    "32 objects and whole picture, 0.8 : 0.2": lambda g: _fused(g, 0.2),
    "32 objects and whole picture, 0.5 : 0.5": lambda g: _fused(g, 0.5),
    "32 objects, standardised per scene": lambda g: _standard(g.near(g.whole)),
    "32 objects, CSLS per object, k 10": lambda g: g.near(2 * g.whole, common=_hubness(g, 10)),
    "32 objects, CSLS per object, k 50": lambda g: g.near(2 * g.whole, common=_hubness(g, 50)),
    "both queries, CSLS per object, k 50": lambda g: g.near(g.whole + g.main, common=_hubness(g, 50)),
    "32 objects, less 0.7 of the cosine with the mean": lambda g: g.near(g.whole, common=0.7 * (g.vectors @ g.mean)),
    "both queries, less 0.5 of it": lambda g: _shipped(g, 0.5),
    "both queries, less 0.7 of it (the product's way)": lambda g: _shipped(g, 0.7),
    "both queries, less 1.0 of it": lambda g: _shipped(g, 1.0),
}


def whole_row(name: str, catalogue: Path, truth: Truth, scenes: Sequence[str] = ()) -> list[str]:
    """Return the row of a search by whole pictures alone; a box is the picture."""
    names = list(scenes) or sorted({scene for one in truth.values() for scene in one})
    with Store(Layout(catalogue).store, read_only=True) as store:
        gallery = _gallery(store, list(truth), names)
    return _row(name if scenes else f"{name}: whole pictures", gallery.whole @ gallery.scene_whole.T, gallery, truth)


def shipped_row(name: str, catalogue: Path, truth: Truth) -> list[str]:
    """Return the row of `ItemSearch.scenes` on a catalogue."""
    found, overlaps = {}, []
    with closing(Store(Layout(catalogue).store, read_only=True)) as store:
        fingerprint = store.fingerprints()[0]
        search = ItemSearch(store, open_index_view(store, catalogue, fingerprint), fingerprint)
        for item, scenes in truth.items():
            matches = search.scenes(item, 20)
            found[item] = [one.item["id"] for one in matches]
            for one in matches:
                box = scenes.get(one.item["id"])
                if box is not None:
                    overlaps.append(float(iou(np.array([one.box], dtype=np.float32), box[None])[0, 0]))
    label = name if "--objects" in name else f"{name}: as shipped, --objects"
    return _recalls(label, found, truth, overlaps)


def _row(name: str, values: Floats, gallery: Gallery, truth: Truth) -> list[str]:
    order = np.argsort(-values, axis=1, kind="stable")[:, :20].tolist()
    found = {item: [gallery.scenes[place] for place in row] for item, row in zip(truth, order, strict=True)}
    return _recalls(name, found, truth, [])


def _recalls(name: str, found: Mapping[str, Sequence[str]], truth: Truth, overlaps: Sequence[float]) -> list[str]:
    """Return the share of an item's scenes that are found, of k at most, in the mean.

    With one scene at least among the first k counted where no boxes are known.
    """
    boxed = any(box is not None for scenes in truth.values() for box in scenes.values())
    shares = []
    for k in (1, 5, 20):
        hits = [len(set(found[item][:k]) & set(scenes)) for item, scenes in truth.items()]
        most = [min(k, len(scenes)) if boxed else 1 for scenes in truth.values()]
        shares.append(100 * float(np.mean([min(hit / full, 1.0) for hit, full in zip(hits, most, strict=True)])))
    good = f"{100 * np.mean(np.array(overlaps) >= 0.5):.1f}" if overlaps else ""
    mean = f"{np.mean(overlaps):.2f}" if overlaps else ""
    return [name, str(len(truth)), *(f"{share:.1f}" for share in shares), good, mean]


def _gallery(store: Store, items: Sequence[str], scenes: Sequence[str]) -> Gallery:
    fingerprint = store.fingerprints()[0]
    numbers = {id: store.show(id)["number"] for id in (*items, *scenes)}
    of = {number: id for id, number in numbers.items()}
    rows = store.placed_vectors(numbers.values(), fingerprint)
    whole, main, objects = _by_item(rows, of)
    found = [
        (place, rank, row) for place, scene in enumerate(scenes) for rank, row in enumerate(objects.get(scene, []))
    ]
    taken = np.array([row for _, _, row in found], dtype=np.int64)
    return Gallery(
        rows.vectors[[whole[item] for item in items]],
        rows.vectors[[main.get(item, whole[item]) for item in items]],
        tuple(scenes),
        rows.vectors[[whole[scene] for scene in scenes]],
        rows.vectors[taken],
        np.array([place for place, _, _ in found], dtype=np.int64),
        np.array([rank for _, rank, _ in found], dtype=np.int64),
        rows.scores[taken],
        store.objects.mean(fingerprint),
    )


def _by_item(rows: PlacedVectors, of: Mapping[int, str]) -> tuple[dict[str, int], dict[str, int], dict[str, list[int]]]:
    """Return of each item its picture's row, its main object's, and those of all objects, best first."""
    whole: dict[str, int] = {}
    objects: dict[str, list[int]] = {}
    for row, number in enumerate(rows.numbers.tolist()):
        if rows.whole[row]:
            whole.setdefault(of[number], row)
        else:
            objects.setdefault(of[number], []).append(row)
    for found in objects.values():
        found.sort(key=lambda row: -rows.scores[row])
    return whole, {id: found[0] for id, found in objects.items()}, objects


def wide_features(pictures: Sequence[Path]) -> dict[str, dict[str, Floats]]:
    """Return vectors of up to 60 weak boxes of each picture, as they are and with margins."""
    features = {}
    with Networks() as networks:
        for path in pictures:
            picture = decode_picture(path.read_bytes())
            found = run_detector(picture, networks.detector, networks.names)
            regions = select_regions(
                found.boxes, found.scores, found.labels, found.names, picture.width, picture.height,
                cap=_WIDE_BOXES + 1, min_score=_WIDE_SCORE, iou_threshold=0.6, min_side=0.02,
            ).objects  # fmt: skip
            row = {"scores": regions.scores}
            for padding in (0.0, *_WIDE_PADDINGS):
                margin = padding * (regions.boxes[:, 2:] - regions.boxes[:, :2])
                boxes = np.concatenate([regions.boxes[:, :2] - margin, regions.boxes[:, 2:] + margin], axis=1)
                boxes = np.clip(boxes, 0, [picture.width, picture.height] * 2).astype(np.float32)
                parts = [
                    Regions(
                        boxes[start : start + _BATCH],
                        regions.scores[start : start + _BATCH],
                        regions.labels[start : start + _BATCH],
                    )
                    for start in range(0, len(boxes), _BATCH)
                ]
                row[f"{padding}"] = np.concatenate([embed_regions(picture, part, networks.embedder) for part in parts])
            features[path.stem] = row
    return features


def _wide(gallery: Gallery, root: Path, cache: Path) -> list[tuple[str, Floats]]:
    """Return the ways with more boxes and with margins around them."""
    if not cache.is_file():
        cache.write_bytes(pickle.dumps(wide_features([root / "images" / f"{name}.jpg" for name in gallery.scenes])))
    features = pickle.loads(cache.read_bytes())
    found = []
    for padding, least in (("0.0", 0.05), ("0.1", 0.15), ("0.1", 0.05), ("0.25", 0.05)):
        owners, vectors = [], []
        for place, scene in enumerate(gallery.scenes):
            taken = features[scene]["scores"] >= least
            vectors.append(features[scene][padding][taken])
            owners += [place] * int(taken.sum())
        values = gallery.whole @ np.concatenate(vectors).T
        name = f"60 objects of score {least}, margin {padding}"
        found.append((name, best_of_each(values, np.array(owners, dtype=np.int64), len(gallery.scenes))))
    return found
