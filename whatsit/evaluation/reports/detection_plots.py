"""Plots of a detector: precision against recall, and pictures with boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.evaluation.metrics.detection_scores import Found, match
from whatsit.vision.boxes import FloatArray

Pixels = npt.NDArray[np.uint8]
_COLOURS = ("#cc6633", "#3366aa", "#228866", "#aa3377")
_TRUE, _HIT, _MISS = (90, 200, 90), (255, 150, 40), (255, 60, 60)
_SIDE = 300


def precision_recall(
    found: Sequence[Found], truth: Sequence[FloatArray]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return recall and precision at each score, class-free, IoU 0.5.

    Args:
        found: of each picture, best first.
        truth: true boxes float32 [G, 4] of each picture.

    Returns:
        Recall and precision, float64 [N], for the N boxes of all pictures by falling score.
    """
    hits = np.concatenate([match(boxes, true) >= 0 for (boxes, _), true in zip(found, truth, strict=True)])
    scores = np.concatenate([scores for _, scores in found])
    right = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    return right / max(1, sum(map(len, truth))), right / np.arange(1, len(right) + 1)


def draw_precision_recall(
    curves: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]], title: str, file: Path
) -> None:
    """Write a PNG of curves as `precision_recall` gives them, by the detector's name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, (recall, precision)) in enumerate(curves.items()):
        axes.plot(recall, precision, color=_COLOURS[number % len(_COLOURS)], label=name)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(file)


def draw_sheet(
    finders: Mapping[str, Callable[[Pixels], Found]],
    pictures: Sequence[tuple[Pixels, FloatArray]],
    file: Path,
    min_score: float = 0.3,
    budget: int = 20,
) -> None:
    """Write a PNG with a row for each picture: the truth, then each detector's boxes.

    Boxes that match a true one are orange, others red.

    Args:
        finders: by name.
        pictures: RGB uint8 [H, W, 3] and true boxes float32 [G, 4].
        file: the PNG.
        min_score: weaker boxes are left out.
        budget: at most so many boxes a picture.
    """
    rows = []
    for pixels, truth in pictures:
        cells = [_cell(pixels, truth, [_TRUE] * len(truth), f"truth: {len(truth)}")]
        for name, find in finders.items():
            boxes, scores = find(pixels)
            boxes = boxes[scores >= min_score][:budget]
            right = match(boxes, truth) >= 0
            colours = [_HIT if hit else _MISS for hit in right]
            cells.append(_cell(pixels, boxes, colours, f"{name}: {int(right.sum())} right, {int((~right).sum())} not"))
        rows.append(np.concatenate(cells, axis=1))
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))


def _cell(pixels: Pixels, boxes: FloatArray, colours: Sequence[tuple[int, int, int]], caption: str) -> Pixels:
    """Draw a picture in a square with boxes and a caption below."""
    scale = _SIDE / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    cell = np.full((_SIDE + 22, _SIDE + 4, 3), 255, dtype=np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for box, colour in zip(boxes * scale, colours, strict=True):
        x1, y1, x2, y2 = (int(v) for v in box)
        cv2.rectangle(cell, (x1, y1), (x2, y2), colour, 2)
    cv2.putText(cell, caption, (3, _SIDE + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
