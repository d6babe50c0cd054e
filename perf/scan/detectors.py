"""Detectors that the scan network is measured beside, opened by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from perf.common.setting import ROOT
from whatsit.engines.checkpoint_file import read_checkpoint
from whatsit.engines.export import export_onnx
from whatsit.engines.ncnn_runner import NcnnRunner
from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.evaluation.metrics.detection_scores import Found
from whatsit.evaluation.reports.detector_report import detector_finder, yolox_finder
from whatsit.evaluation.reports.scan_report import center_finder
from whatsit.models.centernet import CenterNetForExport
from whatsit.models.csp_detector import CspDetector
from whatsit.models.detector import for_export

MODELS = ROOT / "client" / "mobile" / "models"
FILES = {
    "scan, ONNX float": "scan.onnx",
    "scan, ONNX INT8": "scan-int8.onnx",
    "scan, ncnn fp16": "scan.param",
    "scan, ncnn INT8": "scan-int8.param",
}
SERVER, SERVER_320, YOLOX = "server detector 416", "server detector 320", "yolox_nano 416"
Finder = Callable[[Any], Found]


def shipped_detector() -> CspDetector:
    """Return the network of the shipped detector, with float weights."""
    network = CspDetector()
    weights = read_checkpoint(ROOT / "build" / "checkpoints" / "detector.safetensors").weights
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return network.eval()


class DenseServer(nn.Module):
    """The shipped detector's dense part: pixels 0..1 in, raw maps of each level out.

    Anchors, the top boxes and the thinning stay outside, as on a phone.
    """

    output_names = tuple(f"{kind}_{stride}" for stride in (8, 16, 32) for kind in ("label", "box"))

    def __init__(self) -> None:
        super().__init__()
        self.network = shipped_detector()
        first: Any = self.network.backbone.blocks[0]
        with torch.no_grad():
            first[0].weight.mul_(255.0)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run on RGB f32 [n, 3, S, S]."""
        maps: list[Tensor] = []
        for level, head in zip(
            self.network.pyramid(self.network.backbone.stages(images)), self.network.heads, strict=True
        ):
            part: Any = head
            x = part.stem(level)
            maps += [part.label_head(part.label_tower(x)), part.box_head(part.box_tower(x))]
        return tuple(maps)


def server_at(side: int, folder: Path) -> Path:
    """Export the shipped detector at another size, in float."""
    path = folder / f"detector-{side}.onnx"
    export_onnx(for_export(shipped_detector(), side), path, side, ("boxes", "scores", "labels"), compared=("scores",))
    return path


@contextmanager
def open_finders(names: list[str], weights: Path, side: int, models: Path = MODELS) -> Iterator[dict[str, Finder]]:
    """Open class-free detectors on one thread, by name.

    Args:
        names: of `FILES`, `SERVER`, `SERVER_320` and `YOLOX`.
        weights: the folder of yolox_nano.onnx.
        side: of the scan network's letterboxed pictures.
        models: the folder of the scan network's files.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whatsit-")))
        finders: dict[str, Finder] = {}
        for name in names:
            if name == SERVER:
                served = ROOT / "model_repository" / "detector" / "1" / "model.onnx"
                finders[name] = detector_finder(stack.enter_context(OnnxRunner(served, 1)).run)
            elif name == SERVER_320:
                runner = stack.enter_context(OnnxRunner(server_at(320, folder), 1))
                finders[name] = detector_finder(runner.run, 320)
            elif name == YOLOX:
                finders[name] = yolox_finder(stack.enter_context(OnnxRunner(weights / "yolox_nano.onnx", 1)).run)
            elif FILES[name].endswith(".param"):
                ncnn = stack.enter_context(NcnnRunner(models / FILES[name], CenterNetForExport.output_names))
                finders[name] = center_finder(ncnn.run, side)
            else:
                finders[name] = center_finder(stack.enter_context(OnnxRunner(models / FILES[name], 1)).run, side)
        yield finders
