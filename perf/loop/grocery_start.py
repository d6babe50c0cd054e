"""Embedder that never saw 16 of the 81 grocery classes: where the measured loops begin."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console

from whatsit.engines.export import export_onnx
from whatsit.engines.trained_networks import load_network
from whatsit.studies.grocery_catalogues import left_out
from whatsit.studies.unseen_products import Pictures, UnseenTask
from whatsit.training.common import run_checkpoint as checkpoint
from whatsit.training.common.loop import fit
from whatsit.training.common.run_training import prepare
from whatsit.training.common.training_recipe import read_recipe
from whatsit.training.embedder.recipe import EmbedderRecipe
from whatsit.training.embedder.task import WEIGHTS

NEW = tuple(label for label in range(81) if left_out(label))
"""The 16 classes."""
_RECIPE = Path(__file__).resolve().parents[2] / "build" / "embedder.unseen.yaml"


def train_start(data: Path, weights: Path, maps: Path, out: Path, minutes: float, console: Console) -> Path:
    """Train as `whatsit evaluate unseen` does, without `NEW`; return the checkpoint of the whole network.

    Args:
        data: the folder of the data sets.
        weights: the folder of the ImageNet MobileNetV2.
        maps: what `whatsit evaluate unseen` keeps of the frozen layers; made if missing.
        out: folder of the run; a finished one is used again.
        minutes: of training.
        console: where progress goes.
    """
    done = out / "start.pt"
    if done.is_file():
        return done
    recipe = read_recipe(_RECIPE, EmbedderRecipe)
    prepare(recipe.seed, threads=1)
    pictures = Pictures(recipe, data, weights / WEIGHTS, maps, console)
    task = UnseenTask(pictures, recipe, NEW)
    run = out / "run"
    if not (run / checkpoint.LAST).exists():
        task.start()
    fit(task, recipe, run, resume=(run / checkpoint.LAST).exists(), max_minutes=minutes, console=console)
    task.module.load_state_dict(checkpoint.load(run / checkpoint.BEST)["module"])
    network = pictures.network()
    trained = {f"backbone.{name}": value for name, value in task.tail.backbone.state_dict().items()}
    head = {f"head.{name}": value for name, value in task.tail.head.state_dict().items()}
    network.load_state_dict({**network.state_dict(), **trained, **head})
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    content = {"module": state, "recipe": recipe.model_dump(mode="json"), "metrics": {}}
    checkpoint.save(done, content)
    return done


def write_network(trained: Path, target: Path) -> Path:
    """Export a checkpoint as float ONNX file; return it."""
    if not target.is_file():
        network = load_network("embedder", trained)
        with torch.inference_mode():
            export_onnx(network.module, target, network.size, network.outputs, compared=network.compared)
    return target
