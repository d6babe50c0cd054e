"""Milliseconds a frame and memory of the scan network, on one thread.

python -m perf.scan.network_speed  # writes perf/results/scan_speed.csv; on a quiet machine

Every network runs in turn with the others, so that a slow moment meets all; then each alone in a process of its own,
for the peak memory of loading it and 20 runs over that of the bare imports (Linux: VmHWM).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import psutil
import torch
import typer
from torch import nn

from perf.common.command import Table, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.scan.detectors import MODELS, DenseServer
from perf.scan.nanodet_class import NanoDetClass
from whatsit.engines.export import OPSET
from whatsit.engines.export_ncnn import export_ncnn
from whatsit.engines.ncnn_runner import NcnnRunner
from whatsit.models.centernet import CenterNetForExport

COLUMNS = ("network", "runtime", "width", "height", "ms_median", "ms_min", "repeats", "megabytes", "memory_mb")
_RUNS_FOR_MEMORY = 20


def written(folder: Path) -> list[tuple[str, Path, tuple[str, ...], str]]:
    """Export the networks to compare; return name, file, outputs and input kind."""
    scan = CenterNetForExport.output_names
    found: list[tuple[str, Path, tuple[str, ...], str]] = [
        ("scan float", MODELS / "scan.onnx", scan, "pixels"),
        ("scan INT8", MODELS / "scan-int8.onnx", scan, "pixels"),
        ("scan fp16", MODELS / "scan.param", scan, "pixels"),
        ("scan INT8", MODELS / "scan-int8.param", scan, "pixels"),
    ]
    others: list[tuple[str, Any]] = [("server detector, dense part", DenseServer()), ("NanoDet class", NanoDetClass())]
    for name, module in others:
        stem = folder / name.replace(" ", "-").replace(",", "")
        export_ncnn(module, 320, module.output_names).write(stem.with_suffix(".param"), "fp16")
        if not isinstance(module, NanoDetClass):  # torch's exporter does not know its channel shuffle
            _plain_onnx(module, stem.with_suffix(".onnx"))
            found.append((f"{name} float", stem.with_suffix(".onnx"), module.output_names, "unit"))
        found.append((f"{name} fp16", stem.with_suffix(".param"), module.output_names, "unit"))
    return found


def _plain_onnx(module: nn.Module, path: Path) -> None:
    """Export a float network for square pictures of 320 pixels, batch 1."""
    picture = torch.zeros(1, 3, 320, 320)
    torch.onnx.export(module.eval(), (picture,), str(path), input_names=["images"], opset_version=OPSET, dynamo=False)


class Bare:
    """A network of either runtime on one thread, called with one picture."""

    def __init__(self, file: Path, outputs: tuple[str, ...]) -> None:
        self.ncnn = NcnnRunner(file, outputs) if file.suffix == ".param" else None
        if self.ncnn is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
            self.floats = "float" in self.session.get_inputs()[0].type

    def __call__(self, picture: Any) -> None:
        """Run uint8 [3, h, w]."""
        if self.ncnn is not None:
            self.ncnn.run_one(picture)
            return
        images = picture[None].astype(np.float32) / 255 if self.floats else picture[None]
        self.session.run(None, {"images": images})


def peak_memory(file: Path, outputs: tuple[str, ...], size: tuple[int, int]) -> float:
    """Return the megabytes that loading and running a network adds, in a new process."""
    ask = json.dumps([str(file), list(outputs), list(size)])
    command = [sys.executable, "-m", "perf.scan.network_speed", "--memory-of", ask]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return float(run.stdout.strip().splitlines()[-1])


def _print_memory(ask: str) -> None:
    file, outputs, (width, height) = json.loads(ask)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _resident()
    network, picture = Bare(Path(file), tuple(outputs)), np.zeros((3, height, width), np.uint8)
    for _ in range(_RUNS_FOR_MEMORY):
        network(picture)
    print(_peak() - before)


def _resident() -> float:
    """Return the resident memory of this process in megabytes."""
    return float(psutil.Process().memory_info().rss) / 1e6


def _peak() -> float:
    """Return the peak of this process's resident memory in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def main(
    repeats: Annotated[int, typer.Option(help="Runs of each network that count.")] = 60,
    memory_of: Annotated[str, typer.Option(hidden=True)] = "",
    out: Table = RESULTS / "scan_speed.csv",
) -> None:
    """Measure, print and write the CSV."""
    if memory_of:
        _print_memory(memory_of)
        return
    setting = Setting.of_this_machine("perf.scan.network_speed")
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        files = written(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whatsit-"))))
        cases = []
        for name, file, outputs, kind in files:
            for size in ((384, 288), (320, 256)) if kind == "pixels" else ((320, 320),):
                picture = rng.integers(0, 256, (3, size[1], size[0])).astype(np.uint8)
                cases.append((name, file, outputs, size, picture, Bare(file, outputs), list[float]()))
        for repeat in range(-3, repeats):
            for *_, picture, network, spent in cases:
                start = time.perf_counter()
                network(picture)
                if repeat >= 0:
                    spent.append(1000 * (time.perf_counter() - start))
        rows = []
        for name, file, outputs, size, _, _, spent in cases:
            ncnn = file.suffix == ".param"
            stored = file.with_suffix(".bin").stat().st_size + file.stat().st_size if ncnn else file.stat().st_size
            figures = [f"{statistics.median(spent):.1f}", f"{min(spent):.1f}", repeats, f"{stored / 1e6:.2f}"]
            row = [name, "ncnn" if ncnn else "ONNX Runtime", *size, *figures, f"{peak_memory(file, outputs, size):.0f}"]
            rows.append(row)
            print(*row, sep="  ", flush=True)
    setting.write(out, COLUMNS, rows)


if __name__ == "__main__":
    run_command(main)
