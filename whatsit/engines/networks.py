"""The three networks as the build sees them: how a checkpoint is loaded and what the network takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.vision.crop import crop_resize
from whatsit.vision.letterbox import letterbox

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EngineNetwork:
    """A trained network ready for export.

    Args:
        module: takes uint8 [n,3,size,size] and returns a tuple of the contract's outputs.
        size: side of the input in pixels.
        outputs: names of the outputs.
        prepare: RGB uint8 [H,W,3] -> network input uint8 [3,size,size], as the server does it.
        recipe: the training recipe that the checkpoint carries.
        compared: outputs by which the export is checked against torch; None checks all.
    """

    module: nn.Module
    size: int
    outputs: tuple[str, ...]
    prepare: Callable[[Pixels], Pixels]
    recipe: Mapping[str, Any]
    compared: tuple[str, ...] | None = None


def load_network(engine: str, checkpoint: Path) -> EngineNetwork:
    """Load what `whatsit train` wrote.

    Args:
        engine: a key of `ENGINES`.
        checkpoint: its `best.pt`.

    Raises:
        InvalidInput: an unknown engine, or no such file.
        Damaged: the file is no checkpoint of this network.
    """
    if engine not in ENGINES:
        raise InvalidInput(f"There is no engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    if not checkpoint.is_file():
        raise InvalidInput(f"There is no checkpoint {checkpoint}; run `whatsit train {engine}` or pass --checkpoint.")
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        weights, recipe = content["module"], content["recipe"]
        return ENGINES[engine](weights, recipe)
    except Exception as error:  # torch raises many kinds for a file of another origin; a missing key means the same
        raise Damaged(f"{checkpoint} is not a checkpoint of the {engine}; train it again or pass another.") from error


def _embedder(weights: Mapping[str, Tensor], recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.embedder import Embedder, EmbedderForExport

    network = Embedder.from_recipe(recipe)
    network.load_state_dict(_part(weights, "network."))
    export = EmbedderForExport(network)
    return EngineNetwork(export, export.input_size, export.output_names, crop_resize, recipe)


def _classifier(weights: Mapping[str, Tensor], recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.classifier import Classifier, ClassifierForExport

    network = Classifier.from_recipe(recipe)
    network.load_state_dict(dict(weights))
    export = ClassifierForExport(network, int(recipe["resolution"]))
    return EngineNetwork(export, export.input_size, export.output_names, crop_resize, recipe)


def _detector(weights: Mapping[str, Tensor], recipe: Mapping[str, Any]) -> EngineNetwork:
    from whatsit.models.detector import detector_network
    from whatsit.models.retinanet import DetectorForExport

    network, size = detector_network(recipe), int(recipe["canvas"])
    network.load_state_dict(dict(weights))
    export = DetectorForExport(network.eval(), size)
    outputs = ("boxes", "scores", "labels")
    return EngineNetwork(export, size, outputs, lambda pixels: letterbox(pixels, size)[0], recipe, ("scores",))


def _part(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


ENGINES: dict[str, Callable[[Mapping[str, Tensor], Mapping[str, Any]], EngineNetwork]] = {
    "embedder": _embedder,
    "detector": _detector,
    "classifier": _classifier,
}
