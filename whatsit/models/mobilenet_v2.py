"""MobileNetV2 1.0 with folded batch norms, initialised from an ONNX file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whatsit_client.errors import Damaged, InvalidInput

# (expansion, channels, repeats, stride of the first), Sandler et al. 2018, table 2.
_LAYOUT = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

FINAL_CHANNELS = 1280
STAGE_CHANNELS = {4: 24, 8: 32, 16: 96, 32: 320}
"""Channels of the feature maps that `MobileNetV2.stages` returns, by stride."""


class ConvClip(nn.Sequential):
    """Convolution with TensorFlow's "SAME" padding, then ReLU6 unless `linear`.

    At stride 2 TensorFlow pads one row and column more at the far side; torch's symmetric padding would shift every
    feature map.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        shifted = kernel > 1 and stride == 2
        near, far = kernel // 2 - 1, kernel // 2
        pad: list[nn.Module] = [nn.ZeroPad2d((near, far, near, far))] if shifted else []
        conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if shifted else kernel // 2, groups=groups)
        super().__init__(*pad, conv, *([] if linear else [nn.ReLU6(inplace=True)]))


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise, project 1x1; the input is added where shape allows."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, kernel: int = 3) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [ConvClip(inputs, hidden)] if expansion > 1 else []
        depthwise = ConvClip(hidden, hidden, kernel, stride, groups=hidden)
        self.layers = nn.Sequential(*expand, depthwise, ConvClip(hidden, outputs, linear=True))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map f32 [n, inputs, h, w] to f32 [n, outputs, h / stride, w / stride]."""
        y = cast(Tensor, self.layers(x))
        return x + y if self.residual else y


class InvertedResidualNetwork(nn.Module):
    """Stem, inverted residuals and a last 1x1 convolution.

    All are in `layers`, in their order.

    Input everywhere: f32 [n, 3, h, w], RGB scaled to (x - 127.5) / 127.5, h and w multiples of 32.
    """

    layers: nn.ModuleList
    _frozen = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the final feature map f32 [n, 1280, h / 32, w / 32].

        Training on a CPU takes few pictures at a time through the frozen layers: their maps stay in the cache.
        """
        start = self._frozen if self.training and x.device.type == "cpu" else 0
        if start:
            with torch.no_grad():
                x = torch.cat([self._frozen_part(part, start) for part in torch.split(x, 4)])
        for layer in self.layers[start:]:
            x = layer(x)
        return x

    def freeze(self, until_block: int) -> None:
        """Freeze the stem and inverted residuals 1..until_block; 0 the stem, -1 nothing."""
        self._frozen = until_block + 1
        for i, layer in enumerate(self.layers):
            layer.requires_grad_(i > until_block)

    def _frozen_part(self, x: Tensor, stop: int) -> Tensor:
        for layer in self.layers[:stop]:
            x = layer(x)
        return x


class MobileNetV2(InvertedResidualNetwork):
    """The backbone of every default network.

    `layers` holds 19 parts: 0 the stem, 1..17 the inverted residuals, 18 the last 1x1 convolution.

    Args:
        weights: `mobilenet_v2_1.0_224_float.onnx` to start from; None leaves torch's random start.

    Raises:
        InvalidInput: `weights` is not there.
        Damaged: `weights` is not this network.
    """

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvClip(3, 32, 3, 2)]
        channels, stride, last_of_stride = 32, 2, {}
        for expansion, outputs, repeats, first_stride in _LAYOUT:
            for i in range(repeats):
                step = first_stride if i == 0 else 1
                layers.append(InvertedResidual(channels, outputs, step, expansion))
                channels, stride = outputs, stride * step
                last_of_stride[stride] = len(layers) - 1
        layers.append(ConvClip(channels, FINAL_CHANNELS))
        self.layers = nn.ModuleList(layers)
        self._stage_of_layer = {layer: stride for stride, layer in last_of_stride.items() if stride in STAGE_CHANNELS}
        if weights is not None:
            self._load(weights)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps f32 [n, 1280, h / 32, w / 32] and [n, 96, h / 16, w / 16]."""
        final, maps = self._walk(x, 0, len(self.layers))
        return final, maps[16]

    def stages(self, x: Tensor) -> dict[int, Tensor]:
        """Return maps of strides 4 to 32: f32 [n, STAGE_CHANNELS[s], h / s, w / s].

        The last 1x1 convolution (layer 18) takes no part: a detector need not carry it. In training on a CPU the frozen
        layers see one picture at a time: their wide maps then stay in the cache (2.5 times faster at 416 px).
        """
        if not (self.training and self._frozen and x.device.type == "cpu"):
            return self._walk(x, 0)[1]
        with torch.no_grad():
            rows = [self._walk(row, 0, self._frozen) for row in torch.split(x, 1)]
        maps = {stride: torch.cat([row[1][stride] for row in rows]) for stride in rows[0][1]}
        return {**maps, **self._walk(torch.cat([row[0] for row in rows]), self._frozen)[1]}

    def _walk(self, x: Tensor, start: int, stop: int = -1) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the output of the layers start..stop-1 and the maps on the way."""
        maps = {}
        for i, layer in enumerate(self.layers[start:stop], start):
            x = layer(x)
            if i in self._stage_of_layer:
                maps[self._stage_of_layer[i]] = x
        return x, maps

    def _load(self, path: Path) -> None:
        stored = convolutions(path)
        modules = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        if [w.shape for w, _ in stored[: len(modules)]] != [m.weight.shape for m in modules]:
            raise Damaged(f"{path.name} is not MobileNetV2 1.0: its convolutions have other shapes.")
        with torch.no_grad():
            for module, (weight, bias) in zip(modules, stored, strict=False):
                module.weight.copy_(weight)
                cast(Tensor, module.bias).copy_(bias)


def imagenet_head(weights: Path) -> nn.Linear:
    """Return the ImageNet head: f32 [n, 1280] to logits [n, 1001], 0 background."""
    weight, bias = convolutions(weights)[-1]
    head = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        head.weight.copy_(weight[:, :, 0, 0])
        head.bias.copy_(bias)
    return head


def pooled(features: Tensor) -> Tensor:
    """Mean over height and width: f32 [n, c, h, w] to f32 [n, c]."""
    return F.adaptive_avg_pool2d(features, 1).flatten(1)


def with_middle(weights: Path, target: Path) -> Path:
    """Add the output "middle" to the ONNX file: the stride-16 map f32 [n, 96, 14, 14].

    It is the eighth sum of a residual: strides 4, 8, 8, 16, 16, 16, then both of the wider 16.
    """
    import onnx

    model = onnx.load(weights)
    sums = [node.output[0] for node in model.graph.node if node.op_type == "Add"]
    model.graph.node.append(onnx.helper.make_node("Identity", [sums[7]], ["middle"]))
    shape: list[str | int] = ["n", STAGE_CHANNELS[16], 14, 14]
    model.graph.output.append(onnx.helper.make_tensor_value_info("middle", onnx.TensorProto.FLOAT, shape))
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, target)
    return target


def fingerprint(weights: Path) -> str:
    """Return 16 hex digits of the file's SHA-256, the origin in recipes and cards."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:16]


def convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Return weights and biases of an ONNX file's convolutions, in graph order.

    Raises:
        InvalidInput: there is no such file.
        Damaged: it is no ONNX file.
    """
    import onnx
    from onnx import numpy_helper

    if not path.is_file():
        raise InvalidInput(f"The starting weights {path} are not there: pass --weights with their folder.")
    try:
        graph = onnx.load(path).graph
    except Exception as error:
        raise Damaged(f"{path.name} is not a readable ONNX file: fetch it again.") from error
    tensors = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    return [(tensors[n.input[1]], tensors[n.input[2]]) for n in graph.node if n.op_type == "Conv"]
