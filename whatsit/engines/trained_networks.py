"""Loads the networks from checkpoints, ready for export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.engines.checkpoint_file import SUFFIX, Checkpoint, read_checkpoint
from whatsit.vision.crop import crop_resize
from whatsit.vision.letterbox import letterbox

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EngineNetwork:
    """A trained network ready for export.

    Args:
        module: takes uint8 [n,3,size,size] and returns a tuple of outputs.
        size: side of the input in pixels.
        outputs: names of the outputs.
        prepare: RGB uint8 [H,W,3] -> network input uint8 [3,size,size], as in the server.
        recipe: the training recipe in the checkpoint.
        compared: outputs by which the export is compared with torch; None compares all.
        metrics: the validation metrics in the checkpoint.
    """

    module: nn.Module
    size: int
    outputs: tuple[str, ...]
    prepare: Callable[[Pixels], Pixels]
    recipe: Mapping[str, Any]
    compared: tuple[str, ...] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def run(self, images: Pixels) -> tuple[npt.NDArray[Any], ...]:
        """Run the network on uint8 [n,3,size,size]; return its outputs in order."""
        with torch.no_grad():
            return tuple(output.numpy() for output in self.module(torch.from_numpy(images)))


def load_network(engine: str, checkpoint: Path) -> EngineNetwork:
    """Build the network of a checkpoint, ready for export.

    Args:
        engine: a key of `ENGINES`.
        checkpoint: `best.pt` of `whatsit train`, or a committed `.safetensors` file.

    Raises:
        InvalidInput: an unknown engine, or no such file.
        Damaged: the file is no checkpoint of this network.
    """
    trained = read_trained(engine, checkpoint)
    weights = {name: torch.from_numpy(array) for name, array in trained.weights.items()}
    try:
        return replace(ENGINES[engine](weights, trained.recipe), metrics=trained.metrics)
    except Exception as error:  # torch raises many types for weights of another network
        raise Damaged(f"{checkpoint} is not a checkpoint of the {engine}; train it again or pass another.") from error


def untrained_network(engine: str, recipe: Mapping[str, Any], seed: int = 0) -> EngineNetwork:
    """Return the network of a training recipe with random weights, to measure builds.

    Args:
        engine: a key of `ENGINES`.
        recipe: the `training:` section; defaults as in training.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    return ENGINES[engine](None, recipe)


def read_trained(engine: str, path: Path) -> Checkpoint:
    """Read a `best.pt` or a committed checkpoint, without training-only modules.

    Raises:
        InvalidInput: an unknown engine, or no such file.
        Damaged: the file is no checkpoint, or one of another engine.
    """
    if engine not in ENGINES:
        raise InvalidInput(f"There is no engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    if path.suffix == SUFFIX:
        committed = read_checkpoint(path)
        if committed.engine != engine:
            raise Damaged(f"{path} is a checkpoint of the {committed.engine}, not of the {engine}; pass another.")
        return committed
    if not path.is_file():
        raise InvalidInput(f"There is no checkpoint {path}; run `whatsit train {engine}` or pass --checkpoint.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        module, recipe, metrics = content["module"], content["recipe"], content.get("metrics", {})
        # The embedder's losses have weights too; the shipped network has this prefix.
        kept = {name: value for name, value in module.items() if engine != "embedder" or name.startswith("network.")}
        arrays = {name: (v.float() if v.is_floating_point() else v).numpy() for name, v in kept.items()}
        figures = {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}
        return Checkpoint(engine, arrays, recipe, figures)
    except Exception as error:  # torch raises many types for a file of another origin
        raise Damaged(f"{path} is not a checkpoint of the {engine}; train it again or pass another.") from error


def _embedder(weights: Mapping[str, Tensor] | None, recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.embedder import Embedder, EmbedderForExport

    network = Embedder.from_recipe(recipe)
    if weights is not None:
        network.load_state_dict({name.removeprefix("network."): value for name, value in weights.items()})
    export = EmbedderForExport(network)
    return EngineNetwork(export, export.input_size, export.output_names, crop_resize, recipe)


def _classifier(weights: Mapping[str, Tensor] | None, recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.classifier import Classifier, ClassifierForExport

    network = Classifier.from_recipe(recipe)
    if weights is not None:
        network.load_state_dict(dict(weights))
    export = ClassifierForExport(network, int(recipe.get("resolution", ClassifierForExport.input_size)))
    return EngineNetwork(export, export.input_size, export.output_names, crop_resize, recipe)


def _detector(weights: Mapping[str, Tensor] | None, recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.detector import detector_network, for_export

    network, size = detector_network(recipe), int(recipe["canvas"])
    if weights is not None:
        network.load_state_dict(dict(weights))
    export = for_export(network.eval(), size)
    outputs = ("boxes", "scores", "labels")
    return EngineNetwork(export, size, outputs, lambda pixels: letterbox(pixels, size)[0], recipe, ("scores",))


def _scan(weights: Mapping[str, Tensor] | None, recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.centernet import CenterNet, CenterNetForExport

    network, size = CenterNet.from_recipe(recipe), int(recipe["canvas"])
    if weights is not None:
        network.load_state_dict(dict(weights))
    export = CenterNetForExport(network.eval())
    return EngineNetwork(export, size, export.output_names, lambda pixels: letterbox(pixels, size)[0], recipe)


Load = Callable[[Mapping[str, Tensor] | None, Mapping[str, Any]], EngineNetwork]

ENGINES: dict[str, Load] = {
    "embedder": _embedder,
    "detector": _detector,
    "classifier": _classifier,
    "scan": _scan,
}


def write_pretrained(name: str, batches: Sequence[Pixels], path: Path) -> None:
    """Write an embedder on a backbone of transformers as a float ONNX file.

    Its head is initialised with the principal axes of the pictures' features.

    Args:
        name: see `whatsit.models.pretrained.PretrainedEmbedder`.
        batches: pictures, uint8 [b,3,224,224]; more than 128 in all.
        path: the ONNX file.

    Raises:
        Unavailable: transformers is not installed, or the model can neither be read nor downloaded.
        InvalidInput: the model is no vision model or too small, or there are too few pictures.
    """
    from whatsit.engines.export import export_onnx
    from whatsit.models.pretrained import PretrainedEmbedder

    network = PretrainedEmbedder(name).eval()
    network.start_head([torch.from_numpy(batch) for batch in batches])
    export_onnx(network, path, network.input_size, network.output_names)
