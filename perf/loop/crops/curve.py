"""Objects found and named right against crops of each, on the 28 held-out scenes of coco128.

python -m perf.loop.crops.curve catalogue --data ../shared/data --out build/runs/crops
python -m perf.loop.crops.curve embed --data ../shared/data --out build/runs/crops
python -m perf.loop.crops.curve report --data ../shared/data --out build/runs/crops

`catalogue` makes a catalogue of the things in the 100 other scenes, its categories those of COCO. `embed` embeds 30
crops of each thing; both go on where they were stopped. `report` writes the table and the chart.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from perf.loop.crops.people import crop_each, crop_picture
from perf.loop.crops.scenes import matches, read_scenes
from whatsit.catalogue.crops.annotations import CHOSEN, votes
from whatsit.catalogue.crops.weak_boxes import SURE, Annotations, weak_boxes
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.label_file import OBJECT
from whatsit.evaluation.datasets.label_file import Picture as Scene
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.pipeline.decoded_picture import DecodedPicture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions
from whatsit.pipeline.region_selection import Detections, RegionOptions, choose_regions
from whatsit.rendering.shop import encode_jpeg
from whatsit.vision.boxes import FloatArray, iou

COUNTS = (1, 3, 10, 30)
MOST = 30
DRAWS = 5
CLICKS = 0.2
_LEAST = 24
Integers = npt.NDArray[np.int64]
_NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), ())


def embed(networks: Networks, pixels: npt.NDArray[np.uint8], boxes: FloatArray) -> FloatArray:
    """Return the vectors of regions, float32 [N, D]."""
    picture = DecodedPicture(pixels, pixels.shape[1], pixels.shape[0])
    found = []
    for start in range(0, len(boxes), 8):
        rows = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in boxes[start : start + 8])
        regions = choose_regions(_NOTHING, picture.width, picture.height, RegionOptions(boxes=rows), gated=False)
        found.append(embed_regions(picture, regions, networks.embedder)[-len(rows) :])
    return np.concatenate(found)


def things(scenes: list[Scene], data: Path, networks: Networks, folder: Path) -> Iterator[tuple[ItemFields, Picture]]:
    """Cut the things out of scenes as items of a catalogue, with their vectors."""
    for scene in scenes:
        pixels = read_rgb(data / "coco128" / "images" / scene.file)
        for number, box in enumerate(scene.boxes):
            if min(box.width, box.height) < _LEAST:
                continue
            x1, y1, x2, y2 = (round(side) for side in box.corners)
            part = np.ascontiguousarray(pixels[max(y1, 0) : y2, max(x1, 0) : x2])
            (vector,) = embed(networks, pixels, np.array([box.corners], dtype=np.float32))
            name = f"{Path(scene.file).stem}-{number}"
            path = folder / f"{name}.jpg"
            path.write_bytes(encode_jpeg(part))
            place = (0.0, 0.0, float(part.shape[1]), float(part.shape[0]))
            fields = ItemFields(name, title=f"{box.name} {name}", category=box.name)
            yield fields, Picture(str(path), name, (Vector(place, vector),))


def make_catalogue(data: Path, out: Path) -> None:
    """Make the catalogue of the 100 scenes that are not held out."""
    layout = Layout(out / "catalogue")
    layout.pictures.mkdir(parents=True, exist_ok=True)
    scenes, _ = read_scenes(data)
    with Store(layout.store) as store:
        networks = Networks(None)
        known = {id.rpartition("-")[0] for id, _ in _categories(store)}
        for scene in scenes:
            if Path(scene.file).stem not in known:
                found = list(things([scene], data, networks, layout.pictures))
                store.put([(fields, [picture], networks.fingerprint) for fields, picture in found])
        networks.close()
        print(f"{store.count()} items in {layout.folder}")


def _categories(store: Store) -> list[tuple[str, str]]:
    with store.snapshot() as connection:
        return connection.execute("SELECT id, category FROM items").fetchall()


def rounds_of(scene: Scene, number: int) -> tuple[FloatArray, Integers, Integers]:
    """Return 30 rounds of crops, one of each thing in a round.

    Returns:
        Boxes float32 [30 * G, 4], and of each int64 the thing it is meant for, or `STRAY`, and its round.
    """
    rng = np.random.default_rng([11, number])
    size = (scene.width, scene.height)
    made = [crop_each(scene.corners(), size, 1, rng) for _ in range(MOST)]
    things = np.concatenate([one.things for one in made])
    return np.concatenate([one.boxes for one in made]), things, np.repeat(np.arange(MOST), len(scene.boxes))


def clicked(classes: Sequence[str], thing: int, rng: np.random.Generator) -> Annotations:
    """Return what a person's choice says: the item, one time in ten that of another thing in the scene."""
    wrong = thing < 0 or rng.random() < 0.1
    return Annotations({classes[int(rng.integers(len(classes)))] if wrong else classes[thing]: CHOSEN})


def embed_crops(data: Path, out: Path) -> None:
    """Embed the crops of each held-out scene, into a file each."""
    folder = out / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    networks = Networks(None)
    for number, scene in enumerate(read_scenes(data)[1]):
        file = folder / f"{Path(scene.file).stem}.npy"
        if scene.boxes and not file.is_file():
            pixels = read_rgb(data / "coco128" / "images" / scene.file)
            vectors = embed(networks, pixels, rounds_of(scene, number)[0])
            np.save(folder / "part.npy", vectors)
            (folder / "part.npy").replace(file)
    networks.close()


class Namer:
    """Names crops after the things of the catalogue that are like them."""

    def __init__(self, out: Path) -> None:
        with Store(Layout(out / "catalogue").store, read_only=True) as store:
            self._vectors, numbers = store.vectors(store.fingerprints()[0])
            by_number, names = store.item_categories()
            known = dict(zip(by_number.tolist(), names, strict=True))
            self._names = [str(known[number]) for number in numbers.tolist()]
        self.known = set(self._names)

    def annotate(self, vectors: FloatArray) -> list[Annotations]:
        """Return the annotations of crops: categories of the five nearest things, added up."""
        cosines = vectors @ self._vectors.T
        found = []
        for row, best in zip(cosines, np.argsort(-cosines, axis=1)[:, :5], strict=True):
            found.append(Annotations(votes((self._names[one], float(row[one])) for one in best)))
        return found


def geometry(scenes: list[Scene], count: int, skewed: bool) -> dict[str, float]:
    """Return the share of things found and of boxes that are right, over several draws of people."""
    found = right = boxes = truth = near = 0
    overlap: list[float] = []
    for draw in range(DRAWS):
        for number, scene in enumerate(scenes):
            rng = np.random.default_rng([draw, number, count])
            size, true = (scene.width, scene.height), scene.corners()
            crops = (crop_picture if skewed else crop_each)(true, size, count, rng).boxes
            weak = [one for one in weak_boxes(crops, size).boxes if one.weight >= SURE]
            made = np.array([one.box for one in weak], dtype=np.float32).reshape(-1, 4)
            matched = matches(made, true)
            hits = matched >= 0
            overlap += [float(iou(made[row][None], true[matched[row]][None])[0, 0]) for row in np.flatnonzero(hits)]
            near += int((iou(true, crops) >= 0.5).any(axis=1).sum())
            found, right, boxes, truth = found + hits.sum(), right + hits.sum(), boxes + len(made), truth + len(true)
    return {
        "found": found / truth,
        "right": right / max(boxes, 1),
        "mean_iou": float(np.mean(overlap)),
        "best_crop": near / truth,
    }


def likeliest(names: Mapping[str, float]) -> str:
    """Return the name that most speaks for, "" for none."""
    return max(names, key=names.__getitem__, default="")


def naming(scenes: list[Scene], out: Path, count: int, namer: Namer, clicks: float = 0.0) -> dict[str, float]:
    """Return how often things that the catalogue knows are found and named right.

    Args:
        scenes: held-out.
        out: with the vectors.
        count: crops of each thing.
        namer: of crops.
        clicks: share of crops after which people choose an item, a tenth of them one of another thing in the scene.
    """
    known = found = named = right = alone = crops = 0
    for draw in range(DRAWS if count < MOST else 1):
        for number, scene in enumerate(scenes):
            rng = np.random.default_rng([draw, number])
            boxes, things, rounds = rounds_of(scene, number)
            rows = np.flatnonzero(np.isin(rounds, rng.choice(MOST, count, replace=False)))
            vectors = np.load(out / "vectors" / f"{Path(scene.file).stem}.npy")[rows]
            classes = [box.name for box in scene.boxes]
            said = namer.annotate(vectors)
            heard = [
                clicked(classes, thing, rng) if rng.random() < clicks else one
                for thing, one in zip(things[rows], said, strict=True)
            ]
            weak = weak_boxes(boxes[rows], (scene.width, scene.height), heard).boxes
            sure = [one for one in weak if one.weight >= SURE]
            for one, thing in zip(sure, matches(np.array([one.box for one in sure]), scene.corners()), strict=True):
                if thing >= 0 and classes[thing] in namer.known:
                    found, named, right = found + 1, named + (one.name != OBJECT), right + (one.name == classes[thing])
                    singles = [likeliest(said[crop].names) for crop in one.crops]
                    alone, crops = alone + singles.count(classes[thing]), crops + len(singles)
            known += sum(name in namer.known for name in classes)
    return {
        "named": named / max(found, 1),
        "right_of_named": right / max(named, 1),
        "found_and_named": right / max(known, 1),
        "single_crop_right": alone / max(crops, 1),
    }


def report(data: Path, out: Path) -> None:
    """Write the table and the chart."""
    scenes = [scene for scene in read_scenes(data)[1] if scene.boxes]
    namer = Namer(out)
    rows = []
    for count in COUNTS:
        even, skewed = geometry(scenes, count, False), geometry(scenes, count, True)
        rows.append({"crops": count, **even, **{f"skewed_{k}": v for k, v in skewed.items()},
                     **naming(scenes, out, count, namer),
                     **{f"clicks_{k}": v for k, v in naming(scenes, out, count, namer, CLICKS).items()}})  # fmt: skip
        print({name: round(float(value), 3) for name, value in rows[-1].items()}, flush=True)
    with Path("perf/results/crops.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({name: round(float(value), 4) for name, value in row.items()} for row in rows)
    chart(data, out)


def chart(_data: Path, _out: Path) -> None:
    """Draw the chart from the table."""
    from perf.loop.crops.charts import draw_curve

    with Path("perf/results/crops.csv").open(encoding="utf-8", newline="") as stream:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
    draw_curve(rows, Path("perf/results/crops.png"))


COMMANDS: dict[str, Callable[[Path, Path], None]] = {
    "catalogue": make_catalogue,
    "embed": embed_crops,
    "report": report,
    "chart": chart,
}


def main() -> None:
    """Make the catalogue, embed the crops, or write the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("build/runs/crops"))
    args = parser.parse_args()
    cv2.setNumThreads(1)
    COMMANDS[args.what](args.data, args.out)


if __name__ == "__main__":
    main()
