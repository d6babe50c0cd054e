"""Rows of the embedder's ablation: changed fields, and the verdict's rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

FIGURES = ("seen_r1", "unseen_r1", "rendered_r1")
COLUMNS = ["switch", "seed", *FIGURES, *(f"{f}_spread" for f in FIGURES), "cpu_seconds", "kept", "why"]

UNSEEN = tuple(label for label in range(81) if label % 5 == 2)
"""Classes that no row trains on; other ones than the final figures on unseen products are measured on."""

BASE: dict[str, Any] = {
    "size": 128, "batch": 32, "epochs": 2, "validate_every": 2, "warmup_steps": 20, "frozen_blocks": 13,
    "class_loss": "cosface", "margin": 0.1, "scale": 20, "rendered_products": 400, "held_out_classes": UNSEEN,
    "held_out_photos": 0.5, "ema_decay": 0.98, "checkpoint_minutes": 1000,
    "shares": {"photos": 0.44, "shop": 0.16, "clothing": 0.06, "scenes": 0.12, "rendered": 0.24},
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        changes: fields of the recipe that differ from the base.
        against: the row that it is compared with.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    against: str = "base"


TASKS = ("category", "department", "viewpoint")

ROWS: dict[str, Row] = {
    "base": Row(),
    "softmax": Row({"class_loss": "softmax"}),
    "arcface": Row({"class_loss": "arcface"}),
    "sphereface": Row({"class_loss": "sphereface", "margin": 2}),
    "contrastive": Row({"pair_loss": "contrastive"}),
    "triplet": Row({"pair_loss": "triplet"}),
    "lifted structure": Row({"pair_loss": "lifted_structure"}),
    "supcon": Row({"pair_loss": "supcon"}),
    "multi-similarity": Row({"pair_loss": "multi_similarity"}),
    "channel attention": Row({"attention": "channel"}),
    "spatial attention": Row({"attention": "spatial"}),
    "both attentions": Row({"attention": "both"}),
    "tasks, equal": Row({"tasks": TASKS}),
    "tasks, trend": Row({"tasks": TASKS, "task_weighting": "trend", "task_interval": 25}),
    "mining": Row({"mining": "layered_dbscan"}),
    "mining with triplet": Row({"mining": "layered_dbscan", "pair_loss": "triplet"}, against="triplet"),
    "erasing, random": Row({"erasing": "random"}),
    "erasing, bernoulli": Row({"erasing": "bernoulli"}),
    "erasing, adversarial": Row({"erasing": "adversarial"}),
    "mutual learning": Row({"mutual": "mobilenet_v2", "mutual_size": 160}),
}


def summary(name: str, done: Mapping[tuple[str, int], Mapping[str, str]]) -> dict[str, str]:
    """Return the summary of a switch: means, half ranges over seeds, verdict.

    A switch is kept where it beats its reference with every seed in the mean of seen and unseen, by more in the mean
    than the wider of the two spreads, and loses no more than that on drawn products.
    """
    own, reference = _runs(name, done), _runs(ROWS[name].against, done)
    line = {"switch": name, "seed": "mean"}
    for figure in FIGURES:
        values = [float(run[figure]) for run in own.values()]
        line[figure] = f"{mean(values):.4f}"
        line[f"{figure}_spread"] = f"{(max(values) - min(values)) / 2:.4f}" if len(values) > 1 else ""
    line["cpu_seconds"] = f"{mean(float(run['cpu_seconds']) for run in own.values()):.0f}"
    both = sorted(set(own) & set(reference))
    if name == "base":
        return {**line, "kept": "yes", "why": "the reference"}
    if len(both) < 2:
        return {**line, "kept": "", "why": "not yet run with two seeds"}
    gains = [_real(own[seed]) - _real(reference[seed]) for seed in both]
    spread = max(_spread(own), _spread(reference))
    changes = [mean(float(own[s][f]) - float(reference[s][f]) for s in both) for f in FIGURES]
    kept = min(gains) > 0 and mean(gains) > spread and changes[2] > -spread
    each = ", ".join(f"{f[:-3]} {100 * change:+.1f}" for f, change in zip(FIGURES, changes, strict=True))
    why = (
        f"{each}; mean of seen and unseen {100 * mean(gains):+.1f} ({', '.join(f'{100 * g:+.1f}' for g in gains)} "
        f"by seed) against a spread of {100 * spread:.1f}"
    )
    against = "" if ROWS[name].against == "base" else f"; against {ROWS[name].against}"
    return {**line, "kept": "yes" if kept else "no", "why": why + against}


def _runs(name: str, done: Mapping[tuple[str, int], Mapping[str, str]]) -> dict[int, Mapping[str, str]]:
    return {seed: figures for (row, seed), figures in done.items() if row == name}


def _real(run: Mapping[str, str]) -> float:
    return (float(run["seen_r1"]) + float(run["unseen_r1"])) / 2


def _spread(runs: Mapping[int, Mapping[str, str]]) -> float:
    values = [_real(run) for run in runs.values()]
    return (max(values) - min(values)) / 2
