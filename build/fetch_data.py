"""Fetch the data of training and evaluation at pinned commits, as docs/data.md describes.

python build/fetch_data.py --to ../shared
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

GITHUB = "https://github.com/{repository}.git"


@dataclass(frozen=True)
class DataSet:
    """One folder of `../shared` and the files of a repository that it holds.

    Args:
        name: what `--only` takes.
        target: folder below `../shared`.
        repository: owner/name on GitHub.
        commit: pinned revision, 40 hexadecimal digits.
        licence: of the files.
        root: folder of the repository that becomes the target.
        trees: glob patterns below the root; paths are kept.
        flat: pairs of a glob pattern and the path of the folder or file that its matches become.
        short_side: pictures are scaled down to it, in pixels; 0 leaves files as they are.
        quality: of scaled JPEG files.
    """

    name: str
    target: str
    repository: str
    commit: str
    licence: str
    root: str = "."
    trees: tuple[str, ...] = ()
    flat: tuple[tuple[str, str], ...] = ()
    short_side: int = 0
    quality: int = 80


DATA_SETS = (
    DataSet(
        "grocery_store",
        "data/grocery_store",
        "marcusklasson/GroceryStoreDataset",
        "fc80ba90f803d79d0383df52c5a4ac5de99ff6fc",
        "MIT",
        root="dataset",
        trees=("classes.csv", "train.txt", "val.txt", "train/**/*", "val/**/*", "iconic-images-and-descriptions/**/*"),
    ),
    DataSet(
        "clothing_small",
        "data/clothing_small",
        "alexeygrigorev/clothing-dataset-small",
        "11961516512414bf9f6c150a832cfd21b54a6b54",
        "CC0-1.0",
        trees=("train/**/*", "validation/**/*"),
        short_side=256,
    ),
    DataSet(
        "coco128",
        "data/coco128",
        "lightly-ai/coco128_yolo",
        "6d6f7a059ea63efffdbe48aca2d52c04d4c510e9",
        "annotations CC BY 4.0, photos not for redistribution",
        flat=(("**/images/train2017/*", "images/"), ("**/labels/train2017/*", "labels/")),
        short_side=416,
        quality=82,
    ),
    DataSet(
        "imagenet_sample",
        "data/imagenet_sample",
        "EliSchwartz/imagenet-sample-images",
        "bc69043e2862758a1906c6a24a792bb28c6bb2ff",
        "ImageNet terms, not for redistribution",
        trees=("*.JPEG",),
        short_side=320,
    ),
    DataSet(
        "yolox_nano",
        "weights",
        "Kazuhito00/YOLOX-ONNX-TFLite-Sample",
        "3d4f1119d0694200671c08069ecb847aa0d8495a",
        "Apache-2.0",
        root="model",
        trees=("yolox_nano.onnx",),
    ),
    DataSet(
        "mobilenet_v2",
        "weights",
        "google-coral/test_data",
        "104342d2d3480b3e66203073dac24f4e2dbb4c41",
        "Apache-2.0",
        trees=("mobilenet_v2_1.0_224_quant.tflite",),
        flat=(("imagenet_labels.txt", "imagenet_labels_1001.txt"),),
    ),
)


def fetch(data_set: DataSet, to: Path, source: str = GITHUB) -> int:
    """Fetch one data set and return the number of its files.

    Args:
        data_set: what to fetch.
        to: the folder that becomes `../shared`.
        source: address of the repository, in which `{repository}` stands for owner/name.

    Raises:
        FileNotFoundError: a pattern matches no file of the repository.
        subprocess.CalledProcessError: git failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder)
        git = ["git", "-C", folder]
        subprocess.run([*git, "init", "--quiet"], check=True)
        address = source.format(repository=data_set.repository)
        subprocess.run([*git, "fetch", "--quiet", "--depth", "1", address, data_set.commit], check=True)
        subprocess.run([*git, "checkout", "--quiet", "FETCH_HEAD"], check=True)
        count = 0
        for origin, name in sorted(plan(data_set, clone)):
            _place(origin, to / data_set.target / name, data_set)
            count += 1
        return count


def plan(data_set: DataSet, clone: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file of a data set in a clone, and its path below the target folder."""
    root = clone / data_set.root
    for pattern in data_set.trees:
        for path in _matches(data_set, root, pattern):
            yield path, path.relative_to(root).as_posix()
    for pattern, name in data_set.flat:
        found = _matches(data_set, root, pattern)
        nearest = min((path.parent for path in found), key=lambda parent: len(parent.as_posix()))
        yield from (
            (path, name + path.name if name.endswith("/") else name) for path in found if path.parent == nearest
        )


def _matches(data_set: DataSet, root: Path, pattern: str) -> list[Path]:
    found = [path for path in root.glob(pattern) if path.is_file()]
    if not found:
        raise FileNotFoundError(f"{data_set.repository} at {data_set.commit} has no {data_set.root}/{pattern}.")
    return found


def _place(origin: Path, target: Path, data_set: DataSet) -> None:
    """Copy a file, or write a picture whose short side is at most that of the data set."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not data_set.short_side or origin.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        shutil.copyfile(origin, target)
        return
    with Image.open(origin) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    scale = min(1.0, data_set.short_side / min(picture.size))
    size = (round(picture.width * scale), round(picture.height * scale))
    picture.resize(size, Image.Resampling.LANCZOS).save(target.with_suffix(".jpg"), quality=data_set.quality)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("../shared"), help="folder for data/ and weights/")
    parser.add_argument("--only", choices=[data_set.name for data_set in DATA_SETS], help="fetch one set")
    parser.add_argument("--plan", action="store_true", help="print what would be fetched, and fetch nothing")
    parser.add_argument("--source", default=GITHUB, help="address of the repositories; {repository} is owner/name")
    given = parser.parse_args(arguments)
    for data_set in DATA_SETS:
        if given.only in (None, data_set.name):
            print(f"{data_set.target}: {data_set.repository} at {data_set.commit} ({data_set.licence})", flush=True)
            if not given.plan:
                try:
                    print(f"  {fetch(data_set, given.to, given.source)} files")
                except (OSError, subprocess.CalledProcessError) as error:
                    sys.exit(f"{data_set.name} was not fetched: {error}")


if __name__ == "__main__":
    main()
