"""A second embedder for tests and measurements: the shipped one, in other coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from whatsit.engines.repository import default_root, network_file

_WEIGHT, _BIAS = "network.head.weight", "network.head.bias"


def write_changed_embedder(target: Path, noise: float = 0.02, seed: int = 1) -> Path:
    """Write the shipped embedder with noise on its last layer, and its vectors turned at random; return the file.

    Turned vectors find among themselves what the shipped ones find, and an old query finds nothing in a new index: a
    mixed pair cannot pass for a right answer.

    Args:
        target: the file to write.
        noise: standard deviation, as a share of that of the weights.
        seed: of noise and rotation.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(network_file(default_root() / "model_repository", "embedder")))
    known = {tensor.name: tensor for tensor in model.graph.initializer}
    weight, bias = (numpy_helper.to_array(known[name]) for name in (_WEIGHT, _BIAS))
    dice = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(dice.standard_normal((len(weight), len(weight))))
    noisy = weight + noise * weight.std() * dice.standard_normal(weight.shape)
    for name, values in ((_WEIGHT, turn @ noisy), (_BIAS, turn @ bias)):
        known[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(target))
    return target
