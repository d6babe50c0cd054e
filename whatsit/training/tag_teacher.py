"""The ImageNet network as teacher: its 1001 probabilities become soft tags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console

from whatsit.engines.runner import OnnxRunner
from whatsit.evaluation.imagenet_tags import tag_matrix
from whatsit.evaluation.labelled import read_rgb
from whatsit.training.progress import counted
from whatsit.vision.crop import crop_resize

FloatArray = npt.NDArray[np.float32]


def teach_tags(weights: Path, pictures: Sequence[Path], console: Console | None = None) -> FloatArray:
    """Ask the teacher for the tags of whole pictures.

    Args:
        weights: `mobilenet_v2_1.0_224_float.onnx`.
        pictures: picture files.
        console: where progress goes; none is shown without it.

    Returns:
        f32 [N, 42], rows sum to 1 (what the teacher gives to its background class is left out).
    """
    matrix = tag_matrix()
    rows = np.zeros((len(pictures), matrix.shape[1]), np.float32)
    with OnnxRunner(weights) as teacher:
        shown = pictures if console is None else counted(pictures, "The teacher's tags of photos", console)
        for row, path in enumerate(shown):
            pixels = crop_resize(read_rgb(path)).astype(np.float32)
            probs = teacher.run({"images": ((pixels - 127.5) / 127.5)[None]})["probs"].astype(np.float32)
            rows[row] = (probs @ matrix)[0]
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-6), np.float32)


def cached_tags(cache: Path, weights: Path, pictures: Sequence[Path], console: Console | None = None) -> FloatArray:
    """`teach_tags`, kept in the file `cache` (npz) so that a resumed run does not ask again."""
    names = np.array([path.name for path in pictures])
    if cache.is_file():
        with np.load(cache) as kept:
            if np.array_equal(kept["names"], names):
                return np.asarray(kept["tags"], np.float32)
    tags = teach_tags(weights, pictures, console)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, names=names, tags=tags)
    return tags
