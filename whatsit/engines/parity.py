"""Parity figures of two forms of a network on the same pictures.

Polygraphy's `Comparator` compares outputs element by element; these figures match boxes by overlap and embeddings by
their nearest neighbours, because rounding permutes detections and no element-wise tolerance says what that costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.vision.boxes import iou

Outputs = dict[str, npt.NDArray[np.generic]]

_SEEN = 0.3
"""Least score of the reference boxes that are compared."""
_NEIGHBOURS = 10


def run_network(path: Path, batches: Sequence[npt.NDArray[np.uint8]], *, exact: bool = False) -> Outputs:
    """Run an ONNX file on the CPU.

    Args:
        path: the ONNX file.
        batches: inputs, uint8 [b,3,H,W].
        exact: disable graph optimisations (slow): with them ONNX Runtime computes wrong results for files that mix FP16
            and INT8 (cosine 0.7 to 0.9 on MobileNetV2).

    Returns:
        The outputs of all batches by name.
    """
    with OnnxRunner(path, optimise=not exact) as runner:
        runs = [runner.run({"images": batch}) for batch in batches]
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def figures(reference: Outputs, candidate: Outputs) -> dict[str, float]:
    """Return the similarity of the outputs of two networks on the same pictures.

    Args:
        reference: outputs by name, usually of the float network.
        candidate: outputs of another form of it.

    Returns:
        Figures of which 1 is equal. For an embedder `embedding.cosine` (mean), `embedding.cosine_min`, and
        `embedding.overlap_at_10`, the share of each picture's ten nearest neighbours among the others that both sides
        have in common. For a classifier `<head>.agreement`, the share of pictures with the same best class, and
        `<head>.overlap`, 1 - the mean total variation between the scores. For a detector `boxes.found`, the share of
        the reference's boxes with score >= 0.3 for which the candidate has one of the same label with IoU >= 0.7,
        `boxes.iou`, the mean IoU of those, and `scores.cosine`.
    """
    if "boxes" in reference:
        return _boxes(reference, candidate)
    result: dict[str, float] = {}
    for name, want in reference.items():
        got = candidate[name]
        if name == "embedding":
            cosines = _cosines(want, got)
            result |= {f"{name}.cosine": float(cosines.mean()), f"{name}.cosine_min": float(cosines.min())}
            result[f"{name}.overlap_at_10"] = neighbour_overlap(want, got)
        else:
            x, y = want.astype(np.float64), got.astype(np.float64)
            result[f"{name}.agreement"] = float((x.argmax(axis=1) == y.argmax(axis=1)).mean())
            result[f"{name}.overlap"] = 1 - float(np.abs(x - y).sum(axis=1).mean()) / 2
    return result


def missed_tolerances(parity: Mapping[str, float], tolerances: Mapping[str, float]) -> list[str]:
    """Return the names of the figures below their tolerance, the largest miss first.

    Raises:
        InvalidInput: a tolerance for an unknown figure.
    """
    for name in tolerances:
        if name not in parity:
            raise InvalidInput(f"The recipe sets a tolerance for {name}, but the figures are {', '.join(parity)}.")
    missed = [name for name, least in tolerances.items() if not parity[name] >= least]
    return sorted(missed, key=lambda name: parity[name] - tolerances[name])


def neighbour_overlap(
    reference: npt.NDArray[np.generic],
    candidate: npt.NDArray[np.generic],
    galleries: tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]] | None = None,
) -> float:
    """Return the share of common ten nearest neighbours of two embedders.

    Args:
        reference: [n, d] unit vectors of the queries by one form.
        candidate: the same by the other.
        galleries: [m, d] vectors of the gallery by each form; None: the queries themselves, each without itself.
    """
    sides = galleries or (reference, candidate)
    nearest = []
    for queries, gallery in zip((reference, candidate), sides, strict=True):
        scores = queries.astype(np.float32) @ gallery.astype(np.float32).T
        if galleries is None:
            np.fill_diagonal(scores, -np.inf)
        count = min(_NEIGHBOURS, scores.shape[1] - (galleries is None))
        nearest.append(np.argsort(-scores, axis=1, kind="stable")[:, :count])
    common = [len(np.intersect1d(a, b)) / max(len(a), 1) for a, b in zip(*nearest, strict=True)]
    return float(np.mean(common))


def _cosines(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    x, y = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray((x * y).sum(axis=1) / np.maximum(lengths, 1e-12), np.float64)


def _boxes(a: Outputs, b: Outputs) -> dict[str, float]:
    best: list[float] = []
    for row in range(len(a["scores"])):
        seen = a["scores"][row].astype(np.float32) >= _SEEN
        boxes, labels = a["boxes"][row][seen].astype(np.float32), a["labels"][row][seen]
        alike = labels[:, None] == b["labels"][row][None, :]
        overlap = np.where(alike, iou(boxes, b["boxes"][row].astype(np.float32)), 0.0)
        best += overlap.max(axis=1).tolist()
    found = [value for value in best if value >= 0.7]
    return {
        "boxes.found": len(found) / len(best) if best else float("nan"),
        "boxes.iou": float(np.mean(found)) if found else float("nan"),
        "scores.cosine": float(_cosines(a["scores"], b["scores"]).mean()),
    }
