"""Milliseconds of each network, INT8 and float, on 1, 2 and 4 CPU threads.

python -m perf.networks.network_speed  # writes perf/results/networks.csv; on a quiet machine

Both files of a network are run in turn, picture by picture, so that a slow moment meets both; the median of all repeats
counts. The float file is exported from the committed checkpoint.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from perf.common.command import Table, positive_numbers, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.export import export_onnx
from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.trained_networks import load_network

COLUMNS = ("network", "threads", "int8_ms", "float_ms", "ratio", "repeats", "int8_mb", "float_mb")


def compare(files: dict[str, Path], size: int, threads: int, repeats: int) -> dict[str, float]:
    """Median milliseconds of one picture for each file, run in turn.

    Args:
        files: ONNX files with the input `images` uint8 [n,3,size,size], by name.
        size: side of the pictures.
        threads: of ONNX Runtime.
        repeats: runs of each file that count, after three that do not.
    """
    images = np.random.default_rng(0).integers(0, 256, (1, 3, size, size)).astype(np.uint8)
    runners = {name: OnnxRunner(path, threads) for name, path in files.items()}
    spent: dict[str, list[float]] = {name: [] for name in files}
    for repeat in range(-3, repeats):
        for name, runner in runners.items():
            start = time.perf_counter()
            runner.run({"images": images})
            if repeat >= 0:
                spent[name].append(1000 * (time.perf_counter() - start))
    for runner in runners.values():
        runner.close()
    return {name: statistics.median(values) for name, values in spent.items()}


def main(
    repeats: Annotated[int, typer.Option(help="Runs of each file that count.")] = 200,
    threads: Annotated[str, typer.Option(help="CPU threads, a comma list.")] = "1,2,4",
    out: Table = RESULTS / "networks.csv",
) -> None:
    """Measure, print and write the CSV."""
    setting = Setting.of_this_machine("perf.networks.network_speed")
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="whatsit-") as work:
        for name in ("detector", "classifier", "embedder"):
            paths, exported = BuildPaths.of(name, ROOT), Path(work) / f"{name}.onnx"
            network = load_network(name, paths.checkpoint)
            export_onnx(network.module, exported, network.size, network.outputs, batches=())
            files = {"int8": paths.out, "float": exported}
            sizes = [f"{path.stat().st_size / 1e6:.2f}" for path in files.values()]
            for number in positive_numbers(threads):
                spent = compare(files, network.size, number, repeats)
                figures = [f"{spent['int8']:.2f}", f"{spent['float']:.2f}", f"{spent['float'] / spent['int8']:.2f}"]
                rows.append([name, number, *figures, repeats, *sizes])
                print(*rows[-1], sep="  ", flush=True)
    setting.write(out, COLUMNS, rows)


if __name__ == "__main__":
    run_command(main)
