"""INT8 quantisation of ncnn networks, without ncnn's command-line tools."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.engines.ncnn_file import NcnnLayer, NcnnNetwork
from whatsit.engines.ncnn_runner import NcnnRunner

Floats = npt.NDArray[np.float32]
_SAMPLED = 4000
_ACTIVATIONS = {"Swish", "ReLU"}
_FUSED, _RELU = 9, "1"
_CLIPS = np.linspace(0.3, 1.0, 15)


def quantise_ncnn(network: NcnnNetwork, calibration: Iterable[npt.NDArray[np.uint8]]) -> NcnnNetwork:
    """Return the network with int8 weights in its 1x1 layers before activations.

    Weights are symmetric per output channel; inputs symmetric per layer, clipped where the squared error of a sample of
    the calibrating values is least. The first convolution, depthwise and deformable layers keep float weights: integer
    kernels are no faster there. So do layers whose output no activation follows: they are the boxes and scores. ncnn
    quantises a layer's input and dequantises its output itself.

    Args:
        network: with float weights.
        calibration: batches of pictures, uint8 [b, 3, h, w].

    Raises:
        InvalidInput: there is no dense layer, or no picture.
    """
    activated = {x.bottoms[0] for x in network.layers if x.kind in _ACTIVATIONS}
    dense = [x for x in network.layers if _is_dense(x) and (x.settings.get(_FUSED) == _RELU or x.tops[0] in activated)]
    names = {layer.name for layer in dense}
    values = _sample(network, sorted({layer.bottoms[0] for layer in dense}), calibration)
    if not values:
        raise InvalidInput("There is nothing to quantise: give a network with 1x1 convolutions and pictures.")
    scales = {blob: 127.0 / max(_clip(sample), 1e-6) for blob, sample in values.items()}
    layers = (_quantised(x, scales[x.bottoms[0]]) if x.name in names else x for x in network.layers)
    return NcnnNetwork(tuple(layers))


def _is_dense(layer: NcnnLayer) -> bool:
    return layer.kind == "Convolution" and layer.weight is not None and layer.settings.get(1) == "1"


def _quantised(layer: NcnnLayer, scale: float) -> NcnnLayer:
    assert layer.weight is not None
    rows = np.abs(layer.weight.reshape(layer.outputs, -1)).max(axis=1)
    return replace(layer, scales=((127.0 / np.maximum(rows, 1e-6)).astype(np.float32), float(scale)))


def _sample(network: NcnnNetwork, blobs: list[str], calibration: Iterable[npt.NDArray[np.uint8]]) -> dict[str, Floats]:
    """Return some values of each blob on the pictures, the largest always among them."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Floats]] = {blob: [] for blob in blobs}
    with tempfile.TemporaryDirectory(prefix="whatsit-") as folder:
        param = Path(folder) / "float.param"
        network.write(param, "fp32")
        with NcnnRunner(param, blobs, keep=True) as runner:
            for picture in (picture for batch in calibration for picture in batch):
                for blob, values in runner.run_one(picture).items():
                    flat = np.abs(values.reshape(-1))
                    drawn = rng.integers(0, flat.size, min(_SAMPLED, flat.size))
                    found[blob].append(np.append(flat[drawn], flat.max()))
    return {blob: np.concatenate(parts) for blob, parts in found.items() if parts}


def _clip(sample: Floats) -> float:
    """Return the largest value to keep: least squared error of rounding and clipping."""
    top = float(sample.max())
    errors = []
    for share in _CLIPS:
        step = top * share / 127
        errors.append(float(((np.clip(np.rint(sample / step), 0, 127) * step - sample) ** 2).mean()))
    return top * float(_CLIPS[int(np.argmin(errors))])
