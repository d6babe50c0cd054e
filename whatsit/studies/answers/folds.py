"""Model repositories whose embedder never saw a fold of the grocery classes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.engines.repository import default_root
from whatsit.models.embedder import Embedder
from whatsit.studies.unseen_products import Tail
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.wise_ft import wise_ft
from whatsit.training.embedder.task import START

PREFIX = "tail."


def fold_repository(
    runs: Path, fold: int, weights: Path, out: Path, build: Callable[[Path, Path], object], blend: float = 1.0
) -> Path:
    """Return a model repository with a fold's embedder; an existing one is kept.

    Args:
        runs: folder of `whatsit evaluate unseen`, which trains a network for each fold.
        fold: number of the split.
        weights: the ImageNet MobileNetV2, whose first layers the runs kept.
        out: where the copies are kept.
        build: makes the INT8 ONNX file (second) of a checkpoint (first).
        blend: share of the trained weights; the rest is their start.

    Raises:
        InvalidInput: that fold was not trained.
    """
    repository = out / f"repository{fold}"
    done = repository / "embedder" / "1" / "built"
    if done.exists():
        return repository
    best = runs / f"split-{fold}" / checkpoint.BEST
    if not best.is_file():
        raise InvalidInput(f"There is no {best}: run `whatsit evaluate unseen --split {fold} --out {runs}` first.")
    content = checkpoint.load(best)
    whole = _whole_network(content, best.parent, weights, blend)
    shutil.copytree(default_root() / "model_repository", repository, dirs_exist_ok=True)
    source = repository / "embedder" / "1" / "fold.pt"
    checkpoint.save(source, {**content, "module": whole})
    build(source, repository / "embedder" / "1" / "model.onnx")
    done.touch()
    return repository


def _whole_network(content: dict[str, Any], run: Path, weights: Path, blend: float) -> dict[str, Any]:
    """Return the weights of a run's embedder, named as in a run of `train embedder`."""
    module = wise_ft(checkpoint.load(run / START)["module"], content["module"], blend)
    if not any(name.startswith(PREFIX) for name in module):
        return {name: value for name, value in module.items() if name.startswith("network.")}
    recipe = content["recipe"]
    network = Embedder(recipe["dimension"], weights, backbone=recipe.get("backbone", "mobilenet_v2"))
    trained = {name[len(PREFIX) :]: value for name, value in module.items() if name.startswith(PREFIX)}
    Tail(network).load_state_dict(trained)
    return {f"network.{name}": value for name, value in network.state_dict().items()}
