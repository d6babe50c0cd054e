"""The scan network with its deformable block in torch, ONNX Runtime and ncnn.

python -m perf.scan.deform_parity

The block begins as the identity, so its weights are drawn at random here. In ONNX it is nine `GridSample`s, in ncnn one
`DeformableConv2D`; both are compared with torch on a picture of noise and a drawn scene.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import nn

from perf.common.command import run_command
from whatsit.engines.export import export_onnx
from whatsit.engines.export_ncnn import export_ncnn
from whatsit.engines.ncnn_runner import NcnnRunner
from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.reports.detector_report import shop_scenes
from whatsit.models.centernet import CenterNet, CenterNetForExport
from whatsit.vision.letterbox import letterbox

_SIDE = 320


def main(repeats: Annotated[int, typer.Option(help="Runs of each runtime that count.")] = 20) -> None:
    """Compare the outputs and print the largest differences, relative to each output's largest value."""
    torch.manual_seed(0)
    network = CenterNet(deformable=True).eval()
    for part in network.fuse.wide_16.modules():
        for parameter in part.parameters(recurse=False):
            nn.init.normal_(parameter, std=0.1)
    scene, _ = next(shop_scenes(scenes=1))
    noise = np.random.default_rng(0).integers(0, 256, (3, _SIDE, _SIDE)).astype(np.uint8)
    names = CenterNetForExport.output_names
    with tempfile.TemporaryDirectory(prefix="whatsit-") as folder:
        onnx, param = Path(folder) / "scan.onnx", Path(folder) / "scan.param"
        export_onnx(CenterNetForExport(network), onnx, _SIDE, names, batches=())
        ncnn = export_ncnn(CenterNetForExport(network, pixels=False), _SIDE, names)
        ncnn.write(param, "fp32")
        kinds = [layer.kind for layer in ncnn.layers]
        print(
            f"ncnn layers: {kinds.count('DeformableConv2D')} DeformableConv2D, {kinds.count('GridSample')} GridSample"
        )
        with OnnxRunner(onnx, 1) as first, NcnnRunner(param, names) as second:
            for title, picture in (("noise", noise), ("scene", letterbox(scene, _SIDE)[0])):
                with torch.no_grad():
                    want = dict(zip(names, CenterNetForExport(network)(torch.from_numpy(picture[None])), strict=True))
                for runtime, runner in (("ONNX Runtime", first), ("ncnn", second)):
                    got = runner.run({"images": picture[None]})
                    worst = {
                        name: float(np.abs(got[name] - value.numpy()).max() / np.abs(value.numpy()).max())
                        for name, value in want.items()
                    }
                    spent = []
                    for _ in range(repeats):
                        start = time.perf_counter()
                        runner.run({"images": picture[None]})
                        spent.append(1000 * (time.perf_counter() - start))
                    shown = ", ".join(f"{name} {value:.1e}" for name, value in worst.items())
                    print(f"{title}, {runtime}: {shown}; {statistics.median(spent):.1f} ms ({min(spent):.1f})")


if __name__ == "__main__":
    run_command(main)
