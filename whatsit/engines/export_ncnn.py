"""Converts a torch network to ncnn's `.param` and `.bin` with pnnx."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from whatsit_client.errors import Unavailable, WhatsitError

from whatsit.engines.ncnn_file import NcnnNetwork, read_ncnn
from whatsit.models.deformable import DeformableConv

INPUT = "images"
_TORCHVISION = "torchvision.ops.deform_conv"


def export_ncnn(module: nn.Module, size: int, outputs: Sequence[str]) -> NcnnNetwork:
    """Convert a network by way of TorchScript; the weights are float32.

    Args:
        module: takes float32 [1,3,h,w] and returns a tuple of tensors; h and w are not fixed.
        size: side of the picture that traces it.
        outputs: a name for each tensor that the module returns.

    Raises:
        Unavailable: pnnx is not installed.
        WhatsitError: an operator has no form in ncnn; the message names it.
    """
    try:
        import pnnx
    except ImportError as error:
        raise Unavailable("Converting to ncnn needs pnnx: pip install 'whatsit[device]'.") from error
    with tempfile.TemporaryDirectory(prefix="whatsit-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = Path(folder) / "network.pt"
        picture = torch.zeros(1, 3, size, size)
        with torch.inference_mode():
            traced = torch.jit.trace(_for_ncnn(module.eval()), picture, check_trace=False)  # type: ignore[no-untyped-call]
        traced.save(str(script))
        shapes = [f"inputshape=[1,3,{size},{size}]", f"inputshape2=[1,3,{size},{size // 64 * 32}]"]
        command = [pnnx.EXEC_PATH, str(script), *shapes, "fp16=0"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        param = script.with_name("network.ncnn.param")
        if not param.is_file():
            lines = (run.stdout + run.stderr).strip().splitlines() or [f"exit status {run.returncode}"]
            raise WhatsitError(f"pnnx wrote no ncnn file ({lines[-1][:160]}): take the unknown operator out.")
        network = read_ncnn(param, param.with_suffix(".bin"))
    # pnnx exits with 0 when it did not know an operator, and leaves the name of torch's there.
    if odd := sorted(
        {layer.kind for layer in network.layers if "." in layer.kind or layer.kind.startswith("Quantize")}
    ):
        raise WhatsitError(f"ncnn has no form of {', '.join(odd)}: replace the operator in the network.")
    names = {"in0": INPUT, **{f"out{i}": name for i, name in enumerate(outputs)}}
    return network.renamed(names)


def _for_ncnn(module: nn.Module) -> nn.Module:
    """Return the network with its deformable convolutions as pnnx knows them."""
    if not any(isinstance(part, DeformableConv) for part in module.modules()):
        return module
    import copy

    changed = copy.deepcopy(module)
    for parent in list(changed.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, DeformableConv):
                setattr(parent, name, _DeformableForNcnn(child))
    return changed


class _DeformableForNcnn(nn.Module):
    """`DeformableConv` with the convolution itself in a module that pnnx recognises."""

    def __init__(self, source: DeformableConv) -> None:
        super().__init__()
        _register()
        # The whole source would own the weights first, and pnnx would not find them in the module that it knows.
        self.offsets = source.offsets
        self.conv = DeformConv2d(source)

    def forward(self, x: Tensor) -> Tensor:
        offset, mask = DeformableConv.split_raw(self.offsets(x))
        result: Tensor = self.conv(x, offset, mask)
        return result


class DeformConv2d(nn.Module):
    """Module of torchvision's name and place: what pnnx turns into DeformableConv2D.

    torchvision itself need not be installed.
    """

    def __init__(self, source: DeformableConv) -> None:
        super().__init__()
        self.weight, self.bias = source.weight, source.bias
        self.in_channels = self.out_channels = source.weight.shape[0]
        self.kernel_size, self.stride, self.padding, self.dilation, self.groups = (3, 3), (1, 1), (1, 1), (1, 1), 1

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """f32 [n, c, h, w], offsets [n, 18, h, w] and mask [n, 9, h, w] -> [n, c, h, w]."""
        result: Tensor = torch.ops.torchvision.deform_conv2d(
            x, self.weight, offset, mask, self.bias, 1, 1, 1, 1, 1, 1, 1, 1, True
        )
        return result


DeformConv2d.__module__ = _TORCHVISION


def _like_input(x: Tensor, *rest: Any) -> Tensor:
    return torch.zeros_like(x)


_LIBRARIES: list[torch.library.Library] = []


def _register() -> None:
    """Define torchvision's operator, once, where torchvision has not."""
    if _LIBRARIES or hasattr(torch.ops.torchvision, "deform_conv2d"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch's, as below
    library.define(  # type: ignore[no-untyped-call]
        "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, "
        "int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, "
        "bool use_mask) -> Tensor"
    )
    # Only traced: the shape alone matters.
    library.impl("deform_conv2d", _like_input, "CPU")  # type: ignore[no-untyped-call]
    _LIBRARIES.append(library)
