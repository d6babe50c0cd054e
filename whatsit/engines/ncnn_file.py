"""Reads and writes ncnn's network files, with weights in three precisions."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

Floats = npt.NDArray[np.float32]
Precision = Literal["fp32", "fp16"]

_MAGIC = "7767517"
_FP16_TAG, _INT8_TAG = 0x01306B47, 0x000D4B38
_WITH_WEIGHTS = {"Convolution": 6, "ConvolutionDepthWise": 6, "DeformableConv2D": 6, "InnerProduct": 2}
"""Layers with tagged weights and a plain bias, and the parameter that holds the number of weights."""
_BIAS = {"Convolution": 5, "ConvolutionDepthWise": 5, "DeformableConv2D": 5, "InnerProduct": 1}
_INT8_TERM = 8


@dataclass(frozen=True)
class NcnnLayer:
    """One line of a `.param` file and what it owns in the `.bin`.

    Args:
        kind: such as "Convolution".
        name: of the layer.
        bottoms: names of the blobs that it reads.
        tops: names of the blobs that it writes.
        settings: numbers or arrays by parameter id, as text.
        weight: float32, flat; None without.
        bias: float32; None without.
        scales: of INT8: weight scales and input scale, set by `quantise_ncnn`.
    """

    kind: str
    name: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    settings: Mapping[int, str]
    weight: Floats | None = None
    bias: Floats | None = None
    scales: tuple[Floats, float] | None = None

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.settings[0])

    def line(self) -> str:
        """Return the layer's line of the `.param` file."""
        settings = dict(self.settings)
        if self.scales is not None:
            settings[_INT8_TERM] = "2" if self.kind == "InnerProduct" else "1"
        counts = [str(len(self.bottoms)), str(len(self.tops)), *self.bottoms, *self.tops]
        return " ".join([f"{self.kind:<24}", f"{self.name:<24}", *counts, *(f"{k}={v}" for k, v in settings.items())])


@dataclass(frozen=True)
class NcnnNetwork:
    """A network as ncnn stores it."""

    layers: tuple[NcnnLayer, ...]

    def renamed(self, names: Mapping[str, str]) -> NcnnNetwork:
        """Return the network with other names of blobs."""

        def of(blobs: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(names.get(blob, blob) for blob in blobs)

        return NcnnNetwork(tuple(replace(x, bottoms=of(x.bottoms), tops=of(x.tops)) for x in self.layers))

    def write(self, param: Path, precision: Precision) -> None:
        """Write `param` and the `.bin` beside it; INT8 layers keep their int8 weights."""
        blobs = {blob for layer in self.layers for blob in layer.tops}
        lines = [_MAGIC, f"{len(self.layers)} {len(blobs)}", *(layer.line() for layer in self.layers)]
        param.parent.mkdir(parents=True, exist_ok=True)
        param.write_text("\n".join(lines) + "\n", encoding="utf-8")
        param.with_suffix(".bin").write_bytes(b"".join(_stored(layer, precision) for layer in self.layers))


def read_ncnn(param: Path, weights: Path) -> NcnnNetwork:
    """Read a network whose weights are float32 or float16.

    Raises:
        Damaged: the files do not belong together, or a layer with weights is not known here.
    """
    lines = param.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0].strip() != _MAGIC:
        raise Damaged(f"{param} is no ncnn network: convert it again.")
    raw, at = weights.read_bytes(), 0
    layers = []
    for line in lines[2:]:
        layer = _parsed(line.split())
        if layer.kind == "MemoryData":
            count = int(np.prod([int(layer.settings[key]) for key in (0, 1, 2, 11) if key in layer.settings]))
            layer, at = replace(layer, bias=_floats(raw, at, count)), at + 4 * count
        elif layer.kind in _WITH_WEIGHTS:
            weight, at = _tagged(raw, at, int(layer.settings[_WITH_WEIGHTS[layer.kind]]))
            layer = replace(layer, weight=weight)
            if layer.settings.get(_BIAS[layer.kind]) == "1":
                layer, at = replace(layer, bias=_floats(raw, at, layer.outputs)), at + 4 * layer.outputs
        layers.append(layer)
    if at != len(raw):
        raise Damaged(f"{weights} holds {len(raw)} bytes, the layers of {param.name} read {at}: convert it again.")
    return NcnnNetwork(tuple(layers))


def _parsed(words: list[str]) -> NcnnLayer:
    inputs, outputs = int(words[2]), int(words[3])
    blobs = words[4 : 4 + inputs + outputs]
    settings = dict(word.split("=", 1) for word in words[4 + inputs + outputs :])
    return NcnnLayer(
        words[0], words[1], tuple(blobs[:inputs]), tuple(blobs[inputs:]), {int(k): v for k, v in settings.items()}
    )


def _tagged(raw: bytes, at: int, count: int) -> tuple[Floats, int]:
    (tag,) = struct.unpack_from("<I", raw, at)
    if tag == _FP16_TAG:
        values = np.frombuffer(raw, np.float16, count, at + 4).astype(np.float32)
        return values, at + 4 + _padded(2 * count)
    return _floats(raw, at + 4, count), at + 4 + 4 * count


def _floats(raw: bytes, at: int, count: int) -> Floats:
    return np.frombuffer(raw, np.float32, count, at).copy()


def _padded(size: int) -> int:
    return (size + 3) // 4 * 4


def _stored(layer: NcnnLayer, precision: Precision) -> bytes:
    """Return a layer's part of the `.bin`: tag, weights, bias, scales."""
    parts = []
    if layer.weight is not None:
        if layer.scales is not None:
            rows = layer.weight.reshape(len(layer.scales[0]), -1) * layer.scales[0][:, None]
            data, tag = np.clip(np.rint(rows), -127, 127).astype(np.int8).tobytes(), _INT8_TAG
        elif precision == "fp16":
            data, tag = layer.weight.astype(np.float16).tobytes(), _FP16_TAG
        else:
            data, tag = layer.weight.tobytes(), 0
        parts += [struct.pack("<I", tag), data.ljust(_padded(len(data)), b"\0")]
    if layer.bias is not None:
        parts.append(layer.bias.astype(np.float32).tobytes())
    if layer.scales is not None:
        parts += [layer.scales[0].astype(np.float32).tobytes(), struct.pack("<f", layer.scales[1])]
    return b"".join(parts)
