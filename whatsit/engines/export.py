"""Exports a torch network to ONNX and compares the two."""

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
    any_size: bool = False,
) -> float:
    """Export `module` and verify that ONNX Runtime computes the same.

    The batch dimension is dynamic and named "n". Nodes keep the names of their torch modules
    ("/backbone/blocks.3/conv/Conv"), by which the patterns of `keep_float` select them.

    Args:
        module: takes uint8 [n,3,size,size] RGB, normalises it and returns a tensor or a tuple of tensors.
        path: the ONNX file; its folder is created.
        size: side of the square input in pixels.
        outputs: a name for each tensor that the module returns.
        compared: names of the outputs to compare; None compares all. A top-k network returns nearly equal scores for
            noise, and a rounding error permutes the rows: compare only its sorted scores.
        tolerance: largest difference allowed between torch and ONNX Runtime, relative to the output's largest value.
        seed: of the random input.
        batches: batch sizes to compare; empty compares nothing.
        any_size: leave height and width free too ("h", "w" of the input); the network must not depend on them.

    Returns:
        The largest difference found, relative to the output's largest value.

    Raises:
        WhatsitError: an output differs from torch; the message names it and the difference.
    """
    module = module.eval()
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8, generator=generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode(), warnings.catch_warnings():
        # The newer exporter (dynamo=True) writes opset 18, which cannot be converted to 17, and older Tritons need 17.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (images[:2],),
            str(path),
            input_names=["images"],
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
            dynamic_axes={
                "images": {0: "n", **({2: "h", 3: "w"} if any_size else {})},
                **{name: {0: "n", **({2: f"{name}_h", 3: f"{name}_w"} if any_size else {})} for name in outputs},
            },
        )
    model = onnx.load(path)
    # Without the version of TorchScript, equal nodes give an equal file.
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
