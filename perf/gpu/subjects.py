"""The networks that are measured, in torch and as plans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perf.common.setting import ROOT
from perf.gpu.check import Check
from whatsit.engines.repository import plan_file
from whatsit.engines.trained_networks import EngineNetwork, load_network, untrained_network
from whatsit.training.classifier.recipe import ClassifierRecipe
from whatsit.training.common.training_recipe import TrainingRecipe, read_recipe
from whatsit.training.detector.recipe import DetectorRecipe
from whatsit.training.embedder.recipe import EmbedderRecipe

NETWORKS = ("detector", "classifier", "embedder")
RECIPES: dict[str, type[TrainingRecipe]] = dict(
    zip(NETWORKS, (DetectorRecipe, ClassifierRecipe, EmbedderRecipe), strict=True)
)


def network(name: str) -> tuple[EngineNetwork, str]:
    """Return a network and whether its weights are from the checkpoint or random.

    Args:
        name: of a recipe in `build/`, such as "detector-resnet50".
    """
    checkpoint = ROOT / "build" / "checkpoints" / f"{name}.safetensors"
    if checkpoint.is_file():
        return load_network(name.partition("-")[0], checkpoint), "committed weights"
    engine = name.partition("-")[0]
    return untrained_network(engine, _recipe(name, RECIPES[engine])), "random weights"


def retinanet(size: int) -> EngineNetwork:
    """Return RetinaNet on ResNet-50 with random weights, for any input size."""
    return untrained_network("detector", _recipe("detector-resnet50", DetectorRecipe) | {"canvas": size})


def _recipe(name: str, kind: type[TrainingRecipe]) -> dict[str, Any]:
    return read_recipe(ROOT / "build" / f"{name}.yaml", kind).model_dump()


def plans(check: Check) -> Iterator[tuple[str, Path]]:
    """Return the runnable engines: built by `builds`, then of the repository."""
    for name in (*NETWORKS, "detector-resnet50"):
        served = plan_file(ROOT / "model_repository", name)
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
