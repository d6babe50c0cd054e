"""Writes a torch network as an ONNX file that takes uint8 pixels and keeps a tensor contract."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from whatsit_client.errors import WhatsitError

from whatsit.engines.onnx_runner import OnnxRunner

OPSET = 17


def export_onnx(
    module: nn.Module,
    path: Path,
    size: int,
    outputs: Sequence[str],
    *,
    compared: Sequence[str] | None = None,
    tolerance: float = 1e-3,
    seed: int = 0,
    batches: Sequence[int] = (1, 3),
) -> float:
    """Export `module` and prove that ONNX Runtime computes the same.

    The batch dimension is free and named "n". Nodes keep the names of the torch modules they come from
    ("/backbone/blocks.3/conv/Conv"), so that `quantise_cpu` can address them by pattern.

    Args:
        module: takes uint8 [n,3,size,size] RGB, normalises inside and returns one tensor or a tuple of them.
        path: where to write; its folder is made.
        size: side of the square input in pixels.
        outputs: a name for each tensor that the module returns.
        compared: names of the outputs to compare; None compares all. A top-k network answers noise with nearly equal
            scores, of which a rounding error swaps the rows: there, compare the sorted scores alone.
        tolerance: largest difference allowed between torch and ONNX Runtime, relative to the output's largest value.
        seed: of the random pixels that are compared.
        batches: sizes that are compared; empty compares nothing.

    Returns:
        The largest difference found, relative to the output's largest value.

    Raises:
        WhatsitError: the exported network answers differently from torch, which is named with the output and figure.
    """
    module = module.eval()
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8, generator=generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode(), warnings.catch_warnings():
        # The newer exporter (dynamo=True) writes opset 18 and cannot be brought down to 17, which older Tritons need.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (images[:2],),
            str(path),
            input_names=["images"],
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
            dynamic_axes={name: {0: "n"} for name in ("images", *outputs)},
        )
    model = onnx.load(path)
    # TorchScript stamps nothing of its own but its version; the file then depends on torch's version only in its nodes.
    model.producer_name, model.producer_version = "whatsit", ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    differences = [_difference(module, path, images[:n], outputs, compared or outputs, tolerance) for n in batches]
    return max(differences, default=0.0)


def _difference(
    module: nn.Module,
    path: Path,
    images: torch.Tensor,
    outputs: Sequence[str],
    compared: Sequence[str],
    tolerance: float,
) -> float:
    with torch.inference_mode():
        expected = module(images)
    if isinstance(expected, torch.Tensor):
        expected = (expected,)
    with OnnxRunner(path) as runner:
        got = runner.run({"images": images.numpy()})
    worst = 0.0
    for name, tensor in zip(outputs, expected, strict=True):
        if name not in compared:
            continue
        want = tensor.numpy().astype(np.float64)
        difference = float(np.abs(want - got[name]).max() / max(float(np.abs(want).max()), 1e-6))
        if difference > tolerance:
            raise WhatsitError(
                f"Output {name} of {path} differs from torch by {difference:.1e} of its largest value at batch "
                f"{len(images)} (allowed: {tolerance:.0e}); an operator was exported wrongly."
            )
        worst = max(worst, difference)
    return worst
