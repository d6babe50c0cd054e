"""CPU milliseconds of each network, float and INT8, in ONNX Runtime and in OpenVINO.

python -m perf.networks.network_speed  # writes perf/results/networks.csv

All forms of a network are run in turn, so that a slow moment meets all of them. CPU time of the process counts, which
other work on the machine moves less than the time on the clock; rows of a run are as one picture brings them. The float
file is exported from the committed checkpoint. Parity is that of the recipe's tolerances, on its checking pictures,
beside the float file in ONNX Runtime; OpenVINO computes in float32 here.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, Table, positive_numbers, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_recipe import EngineRecipe, read_build_recipe
from whatsit.engines.calibration_pictures import read_batches, select_pictures
from whatsit.engines.engine_comparison import ROWS
from whatsit.engines.export import export_onnx
from whatsit.engines.onnx_runner import OnnxRunner, Runner
from whatsit.engines.openvino_runner import OpenVinoRunner
from whatsit.engines.parity import figures
from whatsit.engines.processor_flags import has_fast_bf16
from whatsit.engines.repository import network_file
from whatsit.engines.trained_networks import load_network

COLUMNS = ("network", "rows", "threads", "form", "cpu_ms", "cpu_ms_least", "clock_ms_least", "runs", "mb", "parity")

Pixels = npt.NDArray[np.uint8]


@dataclass
class Spent:
    """Milliseconds of the runs of one form."""

    cpu: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)


def forms(int8: Path, exported: Path, earlier: Path | None) -> dict[str, Callable[[int], Runner]]:
    """Return what opens each form of a network with a number of threads."""
    before = {} if earlier is None else {"INT8 before": lambda threads: OnnxRunner(earlier, threads)}
    bf16 = {
        "OpenVINO bf16": lambda threads: OpenVinoRunner(exported, threads, bf16=True),
        "OpenVINO INT8 and bf16": lambda threads: OpenVinoRunner(int8, threads, bf16=True),
    }
    return before | {
        "float": lambda threads: OnnxRunner(exported, threads),
        "INT8": lambda threads: OnnxRunner(int8, threads),
        "OpenVINO float": lambda threads: OpenVinoRunner(exported, threads, bf16=False),
        "OpenVINO INT8": lambda threads: OpenVinoRunner(int8, threads, bf16=False),
        **(bf16 if has_fast_bf16() else {}),
    }


def in_turn(runners: Mapping[str, Runner], images: Pixels, runs: int) -> dict[str, Spent]:
    """Run all forms in turn.

    Args:
        runners: by form, with the input `images`.
        images: uint8 [n,3,S,S] of a run.
        runs: of each form that count, after three that do not.
    """
    spent, order = {form: Spent() for form in runners}, list(runners)
    for turn in range(-3, runs):
        for form in order[:: 1 if turn % 2 else -1]:
            cpu, clock = time.process_time(), time.perf_counter()
            runners[form].run({"images": images})
            if turn >= 0:
                spent[form].cpu.append(1e3 * (time.process_time() - cpu))
                spent[form].clock.append(1e3 * (time.perf_counter() - clock))
    return spent


def parities(runners: Mapping[str, Runner], batches: Sequence[Pixels], recipe: EngineRecipe) -> dict[str, str]:
    """Return the figures of the recipe's tolerances of each form, beside `float`."""
    answers = {}
    for form, runner in runners.items():
        parts = [runner.run({"images": batch}) for batch in batches]
        answers[form] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    first = answers["float"]
    measured = {form: figures(first, answer) for form, answer in answers.items()}
    return {
        form: " ".join(f"{name} {found[name]:.4f}" for name in recipe.tolerances) for form, found in measured.items()
    }


def main(
    runs: Annotated[int, typer.Option(help="Runs of each form that count.")] = 60,
    threads: Annotated[str, typer.Option(help="CPU threads, a comma list.")] = "1,2",
    data: Annotated[Path, typer.Option(help="Folder of the recipes' pictures.")] = DATA,
    earlier: Annotated[
        Path | None, typer.Option(help="Model repository of an earlier build, for one more form.")
    ] = None,
    out: Table = RESULTS / "networks.csv",
) -> None:
    """Measure, print and write the CSV."""
    setting = Setting.of_this_machine("perf.networks.network_speed")
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="whatsit-") as work:
        for name in ("detector", "classifier", "embedder"):
            paths, exported = BuildPaths.of(name, ROOT), Path(work) / f"{name}.onnx"
            network, recipe = load_network(name, paths.checkpoint), read_build_recipe(paths.recipe).engine
            export_onnx(network.module, exported, network.size, network.outputs, batches=())
            batches = read_batches(select_pictures(recipe.calibration, data).checking, network.prepare)
            before = network_file(earlier, name) if earlier else None
            images = np.resize(np.concatenate(batches), (ROWS[name], 3, network.size, network.size))
            for number in positive_numbers(threads):
                with ExitStack() as stack:
                    opened = {
                        form: stack.enter_context(make(number))
                        for form, make in forms(paths.out, exported, before).items()
                    }
                    parity = parities(opened, batches, recipe)
                    spent = in_turn(opened, images, runs)
                for form, times in spent.items():
                    size = opened[form].path.stat().st_size / 1e6
                    milliseconds = (statistics.median(times.cpu), min(times.cpu), min(times.clock))
                    shown = [f"{value:.2f}" for value in (*milliseconds, size)]
                    rows.append([name, ROWS[name], number, form, *shown[:3], runs, shown[3], parity[form]])
                    print(*rows[-1], sep="  ", flush=True)
    setting.write(out, COLUMNS, rows)


if __name__ == "__main__":
    run_command(main)
