"""Training data of the detector: real, teacher-labelled and rendered pictures.

Everything that costs time (the teacher's boxes, rendering) is kept in a cache folder and made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress
from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture, read_coco, write_coco
from whatsit.evaluation.datasets.yolo_labels import read_coco_scenes
from whatsit.models.product_labels import of_clothing, of_grocery, of_rendered
from whatsit.models.yolox import Yolox
from whatsit.rendering.product import Product, draw, make_products
from whatsit.rendering.scene import make_scene
from whatsit.training.detector.copy_paste import Cutout
from whatsit.training.detector.recipe import DetectorRecipe
from whatsit.training.detector.teacher_labels import teach
from whatsit.vision.boxes import FloatArray

_VALIDATION_SHOP = 7
"""Added to the recipe's seed for the shop that validates."""
Photos = Sequence[tuple[Path, int | None]]


@dataclass(frozen=True)
class DetectorData:
    """Training sources by recipe name, cut-outs to paste and validation sets."""

    sources: dict[str, list[LabelledPicture]]
    cutouts: list[Cutout]
    validation: dict[str, list[LabelledPicture]]


Teach = Callable[[Photos, Callable[[], None]], Iterator[LabelledPicture]]
"""Labels photos, and calls its second argument after each."""


def load_detector_data(
    data: Path,
    weights: Path,
    held_out: frozenset[str],
    cache: Path,
    recipe: DetectorRecipe,
    console: Console,
    teacher: Teach | None = None,
) -> DetectorData:
    """Read or make all sources.

    Args:
        data: holds coco128, grocery_store, clothing_small, imagenet_sample.
        weights: holds yolox_nano.onnx, the teacher.
        held_out: names of coco128 files that training never sees.
        cache: where labels and rendered pictures are kept.
        recipe: how much is rendered.
        console: shows progress.
        teacher: labels the photos; None for YOLOX-nano.

    Raises:
        InvalidInput: a folder is missing or empty.
    """
    photos = sorted((data / "imagenet_sample").glob("*.jpg"))
    groups: dict[str, Photos] = {
        "photos": [(path, None) for i, path in enumerate(photos) if i % 20],
        "grocery": _grocery(data, "train"),
        "clothing": _clothing(data, "train"),
        "photos-validation": [(path, None) for path in photos[::20]],
        "grocery-validation": _grocery(data, "val")[::8],
        "clothing-validation": _clothing(data, "validation")[::10],
    }
    with nullcontext(teacher) if teacher else yolox_teacher(weights) as label:
        taught = {name: _taught(name, group, data, label, cache, console) for name, group in groups.items()}
    shop = make_products(recipe.rendered_products, recipe.rendered_seed)
    other_shop = make_products(300, recipe.rendered_seed + _VALIDATION_SHOP)
    validation = {
        "photos": taught.pop("photos-validation"),
        "products": taught.pop("grocery-validation") + taught.pop("clothing-validation"),
        "shop": _scenes(other_shop, recipe.validation_scenes, recipe.rendered_seed + _VALIDATION_SHOP, cache, console),
    }
    every = recipe.validation_every
    scenes = [scene for scene in read_coco_scenes(data / "coco128") if scene.path.name not in held_out]
    if every:
        validation["scenes"] = scenes[every - 1 :: every]
        scenes = [scene for i, scene in enumerate(scenes, 1) if i % every]
    sources = {
        **taught,
        "scenes": scenes,
        "shop": _scenes(shop, recipe.rendered_scenes, recipe.rendered_seed, cache, console),
    }
    return DetectorData(
        sources, _cutouts(shop, cache, console), {name: pictures for name, pictures in validation.items() if pictures}
    )


@contextmanager
def yolox_teacher(weights: Path) -> Iterator[Teach]:
    """Open YOLOX-nano as a teacher.

    Raises:
        Unavailable: `weights` lacks yolox_nano.onnx.
    """
    with OnnxRunner(weights / "yolox_nano.onnx") as runner:
        (outputs,) = runner.outputs

        def run(images: FloatArray) -> FloatArray:
            return np.asarray(runner.run({"images": images})[outputs.name], dtype=np.float32)

        yield lambda photos, on_photo: teach(photos, Yolox(run), on_photo)


def _grocery(data: Path, split: str) -> list[tuple[Path, int | None]]:
    root = data / "grocery_store" / split
    return [(path, of_grocery(path.relative_to(root).parts[0])) for path in _photos(root)]


def _clothing(data: Path, split: str) -> list[tuple[Path, int | None]]:
    return [(path, of_clothing(path.parent.name)) for path in _photos(data / "clothing_small" / split)]


def _photos(root: Path) -> list[Path]:
    paths = sorted(root.rglob("*.jpg"))
    if not paths:
        raise InvalidInput(f"There are no photos in {root}: pass --data with the folder that holds the data sets.")
    return paths


def _taught(
    name: str, group: Photos, data: Path, teacher: Teach, cache: Path, console: Console
) -> list[LabelledPicture]:
    file = cache / "teacher" / f"{name}.json"
    if not file.is_file():
        with Progress(console=console) as progress:
            task = progress.add_task(f"Teacher looks at {name}", total=len(group))
            pictures = list(teacher(group, lambda: progress.advance(task)))
        write_coco(file, data, pictures)
    return read_coco(file, data)


def _scenes(products: Sequence[Product], count: int, seed: int, cache: Path, console: Console) -> list[LabelledPicture]:
    folder = cache / f"scenes-{seed}-{count}"
    if not (folder / "boxes.json").is_file():
        label = {product.id: of_rendered(product.category) for product in products}
        folder.mkdir(parents=True, exist_ok=True)
        pictures = []
        with Progress(console=console) as progress:
            for i in progress.track(range(count), description=f"Rendering scenes of shop {seed}"):
                rng = np.random.default_rng([seed, 77, i])
                size = [(640, 480), (480, 640), (560, 560)][int(rng.integers(3))]
                scene = make_scene(products, rng, size=size, count=int(rng.integers(1, 7)))
                path = folder / f"{i:05d}.jpg"
                cv2.imwrite(str(path), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
                labels = np.array([label[product] for product in scene.product_ids], dtype=np.int64)
                pictures.append(LabelledPicture(path, scene.boxes, labels))
        write_coco(folder / "boxes.json", folder, pictures)
    return read_coco(folder / "boxes.json", folder)


def _cutouts(products: Sequence[Product], cache: Path, console: Console) -> list[Cutout]:
    folder = cache / "cutouts"
    folder.mkdir(parents=True, exist_ok=True)
    cutouts = [Cutout(folder / f"{product.id}.png", of_rendered(product.category)) for product in products]
    missing = [(cutout, product, i) for i, (cutout, product) in enumerate(zip(cutouts, products, strict=True))
               if not cutout.path.is_file()]  # fmt: skip
    if missing:
        with Progress(console=console) as progress:
            for cutout, product, view in progress.track(missing, description="Drawing cut-outs"):
                rgba = draw(product, 192, view)
                cv2.imwrite(str(cutout.path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    return cutouts
