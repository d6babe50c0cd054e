"""Initial weights: ImageNet, random, or a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from whatsit_client.errors import InvalidInput

from whatsit.engines.trained_networks import read_trained

IMAGENET, RANDOM = "imagenet", "random"


def begin(network: nn.Module, start: str, engine: str) -> None:
    """Give a network its first weights where they do not come from ImageNet.

    Args:
        network: built with the ImageNet weights where `start` says so, without weights otherwise.
        start: "imagenet" changes nothing, "random" draws weights, anything else is the path of a checkpoint of
            `whatsit train`, or of one that the project ships (`build/checkpoints/*.safetensors`).
        engine: embedder, detector or classifier.

    Raises:
        InvalidInput: there is no such checkpoint, or it is of another width or depth.
        Damaged: the file is no checkpoint of this engine.
    """
    if start == IMAGENET:
        return
    if start == RANDOM:
        draw_weights(network)
        return
    weights = read_trained(engine, Path(start)).weights
    tensors = {name.removeprefix("network."): torch.from_numpy(np.asarray(value)) for name, value in weights.items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InvalidInput(
            f"{start} is of another network than the recipe's: pass the recipe it was trained by."
        ) from error


@torch.no_grad()
def draw_weights(network: nn.Module) -> None:
    """Initialise every convolution of the backbone as in He et al. (2015).

    torch's own start lets them fade away over the 50 layers of a backbone without norms. Heads keep their start.
    """
    backbone = network.get_submodule("backbone")
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
