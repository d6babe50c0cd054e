"""The networks that are measured, in torch and as plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gpu_steps.check import Check
from whatsit.engines.networks import EngineNetwork, load_network
from whatsit.vision.crop import crop_resize
from whatsit.vision.letterbox import letterbox

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("detector", "classifier", "embedder")


def network(name: str) -> tuple[EngineNetwork, str]:
    """A network from its committed checkpoint, else with random weights; and which of both.

    Args:
        name: of a recipe in `build/`, such as "detector-resnet50".
    """
    checkpoint = ROOT / "build" / "checkpoints" / f"{name}.safetensors"
    if checkpoint.is_file():
        return load_network(name.partition("-")[0], checkpoint), "committed weights"
    torch.manual_seed(0)
    return _untrained(name), "random weights"


def _untrained(name: str) -> EngineNetwork:
    from whatsit.models.classifier import Classifier, ClassifierForExport
    from whatsit.models.detector import detector_network
    from whatsit.models.embedder import Embedder, EmbedderForExport
    from whatsit.models.retinanet import DetectorForExport
    from whatsit.training.classifier_recipe import ClassifierRecipe
    from whatsit.training.detector_recipe import DetectorRecipe
    from whatsit.training.embedder_recipe import EmbedderRecipe
    from whatsit.training.recipe import read_recipe

    engine, file = name.partition("-")[0], ROOT / "build" / f"{name}.yaml"
    module: nn.Module
    if engine == "embedder":
        recipe = read_recipe(file, EmbedderRecipe).model_dump()
        module = EmbedderForExport(Embedder.from_recipe(recipe))
        return EngineNetwork(module, module.input_size, module.output_names, crop_resize, recipe)
    if engine == "classifier":
        recipe = read_recipe(file, ClassifierRecipe).model_dump()
        module = ClassifierForExport(Classifier.from_recipe(recipe), int(recipe["resolution"]))
        return EngineNetwork(module, module.input_size, module.output_names, crop_resize, recipe)
    recipe = read_recipe(file, DetectorRecipe).model_dump()
    return retinanet(recipe, int(recipe["canvas"]), DetectorForExport, detector_network)


def retinanet(
    recipe: dict[str, object], size: int, export: Callable[..., nn.Module], build: Callable[..., nn.Module]
) -> EngineNetwork:
    """A detector with random weights at any size."""
    module = export(build(recipe).eval(), size)
    return EngineNetwork(
        module, size, ("boxes", "scores", "labels"), lambda p: letterbox(p, size)[0], recipe, ("scores",)
    )


def plans(check: Check) -> Iterator[tuple[str, Path]]:
    """Engines that can be run: those that the step `builds` made, then those of the model repository."""
    for name in (*NETWORKS, "detector-resnet50"):
        served = ROOT / "model_repository" / name / "1" / "model.plan"
        for path in (check.scratch / f"{name}.plan", served):
            if path.is_file():
                yield name, path
                break


def pictures(count: int, seed: int = 0) -> list[npt.NDArray[np.uint8]]:
    """Drawn scenes, RGB: the machine with the GPU has no photos."""
    from whatsit.rendering.product import make_products
    from whatsit.rendering.scene import make_scene

    generator = np.random.default_rng(seed)
    products = make_products(12, 1)
    return [np.asarray(make_scene(products, generator, count=3).image) for _ in range(count)]
