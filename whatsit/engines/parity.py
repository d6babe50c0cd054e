"""Does the quantised network answer like the float one: figures on real pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.engines.runner import OnnxRunner
from whatsit.vision.boxes import iou

Outputs = dict[str, npt.NDArray[np.generic]]

_SEEN = 0.3
"""Boxes of at least this score must be found again."""


def compare(reference: Path, candidate: Path, batches: Sequence[npt.NDArray[np.uint8]]) -> dict[str, float]:
    """Run two files with the same contract on the same inputs.

    Args:
        reference: usually the float network.
        candidate: usually the quantised one.
        batches: inputs, uint8 [b,3,H,W].

    Returns:
        For an embedder `embedding.cosine` (mean) and `embedding.cosine_min`; for a classifier `<head>.agreement`, the
        share of pictures with the same best class, and `<head>.overlap`, 1 - the mean total variation between the
        scores; for a detector `boxes.found`, the share of the reference's boxes with score >= 0.3 for which the
        candidate has one of the same label with IoU >= 0.7, and `scores.cosine`.
    """
    with OnnxRunner(reference) as first, OnnxRunner(candidate) as second:
        a = _run(first, batches)
        b = _run(second, batches)
    if "boxes" in a:
        return {"boxes.found": _boxes_found(a, b), "scores.cosine": float(_cosines(a["scores"], b["scores"]).mean())}
    figures: dict[str, float] = {}
    for name, want in a.items():
        got = b[name]
        if name == "embedding":
            cosines = _cosines(want, got)
            figures |= {f"{name}.cosine": float(cosines.mean()), f"{name}.cosine_min": float(cosines.min())}
        else:
            x, y = want.astype(np.float64), got.astype(np.float64)
            figures[f"{name}.agreement"] = float((x.argmax(axis=1) == y.argmax(axis=1)).mean())
            figures[f"{name}.overlap"] = 1 - float(np.abs(x - y).sum(axis=1).mean()) / 2
    return figures


def _run(runner: OnnxRunner, batches: Sequence[npt.NDArray[np.uint8]]) -> Outputs:
    runs = [runner.run({"images": batch}) for batch in batches]
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _cosines(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    x, y = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray((x * y).sum(axis=1) / np.maximum(lengths, 1e-12), np.float64)


def _boxes_found(a: Outputs, b: Outputs) -> float:
    found = total = 0
    for row in range(len(a["scores"])):
        seen = a["scores"][row].astype(np.float32) >= _SEEN
        boxes, labels = a["boxes"][row][seen].astype(np.float32), a["labels"][row][seen]
        overlap = iou(boxes, b["boxes"][row].astype(np.float32))
        alike = labels[:, None] == b["labels"][row][None, :]
        found += int(((overlap >= 0.7) & alike).any(axis=1).sum())
        total += len(boxes)
    return found / total if total else float("nan")
