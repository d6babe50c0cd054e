"""The tensor contracts of the three networks, and their validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput, WhatsitError
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.models.product_labels import PRODUCTS
from whatsit.vision.crop import CROP_SIDE, crop_resize
from whatsit.vision.letterbox import DETECTOR_SIDE, letterbox

Array = npt.NDArray[np.generic]
Pixels = npt.NDArray[np.uint8]

_CLOSE = 0.02


@dataclass(frozen=True)
class Contract:
    """Tensors of a network's slot.

    Args:
        size: side of the input `images`, uint8 [n,3,size,size] RGB.
        outputs: dtype and shape without the batch, by name.
        prepare: RGB uint8 [H,W,3] -> network input uint8 [3,size,size], as in the server.
        check: returns what is wrong with the values of outputs, or "".
    """

    size: int
    outputs: dict[str, tuple[str, tuple[int, ...]]]
    prepare: Callable[[Pixels], Pixels]
    check: Callable[[dict[str, Array]], str]


def check_contract(engine: str, path: Path) -> None:
    """Run a network on a few random pictures and validate its tensors and values.

    Raises:
        InvalidInput: an unknown slot, or a violation of the contract.
        Unavailable: there is no such file.
        Damaged: ONNX Runtime cannot load the file.
    """
    if engine not in CONTRACTS:
        raise InvalidInput(f"There is no slot {engine!r}; choose one of {', '.join(CONTRACTS)}.")
    contract = CONTRACTS[engine]
    with OnnxRunner(path) as runner:
        wrong = _tensors(contract, runner) or _values(contract, runner)
    if wrong:
        raise InvalidInput(f"{path} cannot be the {engine}: {wrong}.")


def probe_images(size: int, count: int = 3) -> Pixels:
    """Return smooth random pictures, uint8 [count,3,size,size]."""
    import cv2

    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (count, 5, 5, 3)).astype(np.uint8)
    return np.asarray([cv2.resize(picture, (size, size)).transpose(2, 0, 1) for picture in small], np.uint8)


def _tensors(contract: Contract, runner: OnnxRunner) -> str:
    want = (None, 3, contract.size, contract.size)
    if [spec.name for spec in runner.inputs] != ["images"]:
        return f"it takes {', '.join(map(str, runner.inputs))}, the slot gives `images` alone"
    images = runner.inputs[0]
    if images.dtype != np.uint8:
        return f"it takes {images}, the slot gives uint8 pixels; put the normalisation into the graph"
    if images.shape[0] is not None:
        return f"its batch is fixed at {images.shape[0]}; export it with a dynamic batch"
    if any(got not in (None, side) for got, side in zip(images.shape, want, strict=False)) or len(images.shape) != 4:
        return f"it takes {images}, the slot gives {contract.size} x {contract.size} pixels as [n,3,H,W]"
    given = {spec.name: spec for spec in runner.outputs}
    for name, (dtype, shape) in contract.outputs.items():
        expected = f"{name} {dtype}[{','.join(['n', *map(str, shape)])}]"
        if name not in given:
            return f"it gives {', '.join(map(str, runner.outputs))}, the slot needs {expected}"
        if given[name].dtype != np.dtype(dtype):
            return f"it gives {given[name]}, the slot needs {expected}"
    if extra := set(given) - set(contract.outputs):
        return f"it gives {', '.join(sorted(extra))} too, which the slot does not know; leave it out of the outputs"
    return ""


def _values(contract: Contract, runner: OnnxRunner) -> str:
    images = probe_images(contract.size)
    try:
        together = runner.run({"images": images})
        alone = runner.run({"images": images[1:2]})
    except WhatsitError:
        raise
    except Exception as error:  # ONNX Runtime's own types
        return f"it does not run on batches of 1 and 3 ({str(error).splitlines()[0][:160]})"
    for name, (_, shape) in contract.outputs.items():
        got = together[name].shape
        if got != (3, *shape):
            return f"three pictures give {name} {list(got)}, the slot needs {[3, *shape]}"
        if together[name].dtype.kind == "f" and not np.isfinite(together[name].astype(np.float32)).all():
            return f"{name} is not finite"
    if wrong := contract.check(together):
        return wrong
    first = next(name for name, (dtype, _) in contract.outputs.items() if dtype == "float32" and name != "boxes")
    want, got_ = together[first][1].astype(np.float32), alone[first][0].astype(np.float32)
    if float(np.abs(want - got_).max()) > _CLOSE * max(float(np.abs(want).max()), 1e-6):
        return f"a picture's {first} changes with the other pictures of its batch"
    return ""


def _embeddings(outputs: dict[str, Array]) -> str:
    vectors = outputs["embedding"].astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    if np.abs(lengths - 1).max() > 1e-2:
        return f"its embeddings have the length {lengths[0]:.3g} instead of 1; put the L2 norm into the graph"
    if np.abs(vectors[0] - vectors[1]).max() < 1e-6:
        return "different pictures give the same embedding"
    return ""


def _detections(outputs: dict[str, Array]) -> str:
    size, names = DETECTOR_SIDE, len(PRODUCTS)
    boxes, scores = outputs["boxes"].astype(np.float32), outputs["scores"].astype(np.float32)
    if scores.min() < 0 or scores.max() > 1:
        reach = f"{scores.min():.3g} to {scores.max():.3g}"
        return f"its scores reach from {reach}, not 0 to 1; put the sigmoid into the graph"
    if (np.diff(scores, axis=1) > 1e-6).any():
        return "its scores do not descend; sort the boxes by score"
    if (boxes[..., 2:] < boxes[..., :2]).any():
        return "its boxes are not x1, y1, x2, y2 with x1 <= x2 and y1 <= y2"
    if boxes.min() < -1 or boxes.max() > size + 1:
        return f"its boxes reach from {boxes.min():.3g} to {boxes.max():.3g}, outside the canvas of {size} pixels"
    if boxes.max() <= 1.5:
        return f"its boxes are shares of the canvas, not pixels; multiply them by {size}"
    labels = outputs["labels"]
    if labels.min() < 0 or labels.max() > names:
        return f"its labels reach to {labels.max()}, the slot knows 0 (object) to {names}"
    return ""


def _classes(outputs: dict[str, Array]) -> str:
    for name, scores in outputs.items():
        values = scores.astype(np.float64)
        if values.min() < -1e-6 or np.abs(values.sum(axis=1) - 1).max() > 1e-2:
            return f"its {name} scores do not add up to 1; put the softmax into the graph"
    return ""


CONTRACTS: dict[str, Contract] = {
    "embedder": Contract(CROP_SIDE, {"embedding": ("float32", (128,))}, crop_resize, _embeddings),
    "detector": Contract(
        DETECTOR_SIDE,
        {"boxes": ("float32", (100, 4)), "scores": ("float32", (100,)), "labels": ("int32", (100,))},
        lambda pixels: letterbox(pixels)[0],
        _detections,
    ),
    "classifier": Contract(
        CROP_SIDE,
        {
            "intent": ("float32", (len(INTENTS),)),
            "source": ("float32", (len(SOURCES),)),
            "topic": ("float32", (len(TOPICS),)),
            "tag": ("float32", (len(TAGS),)),
        },
        crop_resize,
        _classes,
    ),
}
"""The contracts by network, as model_repository/*/config.pbtxt declares them."""
