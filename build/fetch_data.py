"""Fetch the training and evaluation data at pinned commits; docs/data.md lists origins and licences.

python build/fetch_data.py --to ../shared
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps


@dataclass(frozen=True)
class DataSet:
    """One folder of `../shared` and where its files come from.

    Args:
        target: folder below `../shared`.
        repository: owner/name on GitHub.
        commit: pinned revision, 40 hexadecimal digits.
        licence: of the files.
        files: pairs of a glob pattern in the repository and the part of each path that is cut off its front.
        short_side: pictures are scaled down to it, in pixels; 0 leaves the files as they are.
        quality: of the scaled JPEG files.
    """

    target: str
    repository: str
    commit: str
    licence: str
    files: tuple[tuple[str, str], ...]
    short_side: int = 0
    quality: int = 80


DATA_SETS = (
    DataSet(
        "data/grocery_store",
        "marcusklasson/GroceryStoreDataset",
        "fc80ba90f803d79d0383df52c5a4ac5de99ff6fc",
        "MIT",
        (
            ("dataset/classes.csv", "dataset"),
            ("dataset/train.txt", "dataset"),
            ("dataset/val.txt", "dataset"),
            ("dataset/train/**/*", "dataset"),
            ("dataset/val/**/*", "dataset"),
            ("dataset/iconic-images-and-descriptions/**/*", "dataset"),
            ("LICENSE", ""),
        ),
    ),
    DataSet(
        "data/clothing_small",
        "alexeygrigorev/clothing-dataset-small",
        "11961516512414bf9f6c150a832cfd21b54a6b54",
        "CC0-1.0",
        (("train/**/*", ""), ("validation/**/*", ""), ("LICENSE", "")),
        short_side=256,
    ),
    DataSet(
        "data/coco128",
        "lightly-ai/coco128_yolo",
        "6d6f7a059ea63efffdbe48aca2d52c04d4c510e9",
        "annotations CC BY 4.0; photos for training and tests only",
        (("**/images/train*/*", "images"), ("**/labels/train*/*", "labels")),
        short_side=416,
        quality=82,
    ),
    DataSet(
        "data/imagenet_sample",
        "EliSchwartz/imagenet-sample-images",
        "bc69043e2862758a1906c6a24a792bb28c6bb2ff",
        "ImageNet terms; for training and tests only",
        (("*.JPEG", ""),),
        short_side=320,
    ),
    DataSet(
        "weights",
        "Kazuhito00/YOLOX-ONNX-TFLite-Sample",
        "3d4f1119d0694200671c08069ecb847aa0d8495a",
        "Apache-2.0",
        (("**/yolox_nano.onnx", "/"),),
    ),
    DataSet(
        "weights",
        "google-coral/test_data",
        "104342d2d3480b3e66203073dac24f4e2dbb4c41",
        "Apache-2.0",
        (("mobilenet_v2_1.0_224_quant.tflite", "/"), ("imagenet_labels.txt", "/")),
    ),
)
_PICTURES = {".jpg", ".jpeg", ".png"}
