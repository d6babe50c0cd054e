"""Build time and plan size of the networks with TensorRT-RTX, without a GPU.

python -m perf.networks.tensorrt_rtx_builds  # writes perf/results/tensorrt_rtx_builds.csv

The three shipped networks are compiled from model_repository/*/1/tensorrt.onnx (INT8 and FP16); a recipe without a
shipped file (build/detector-resnet50.yaml) from random weights, which changes neither seconds nor sizes much.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from whatsit_client.errors import WhatsitError

from perf.common.setting import RESULTS, ROOT, Setting
from whatsit.engines.build_recipe import read_build_recipe
from whatsit.engines.plan_builder import build_plan

RECIPES = ("detector", "classifier", "embedder", "detector-resnet50")
COLUMNS = ("network", "weights", "batches", "onnx_mb", "plan_mb", "seconds", "repeats", "layers", "library")


def measure(name: str, work: Path, repeats: int, root: Path = ROOT) -> list[object]:
    """Compile one recipe's network; one row of `COLUMNS`."""
    recipe = root / "build" / f"{name}.yaml"
    shipped = root / "model_repository" / name / "1" / "tensorrt.onnx"
    if shipped.is_file():
        source, weights = shipped, "shipped"
    else:
        from perf.networks.untrained_networks import write_untrained

        source, weights = write_untrained(recipe, work / f"{name}.onnx"), "random"
    batches = read_build_recipe(recipe).engine.tensorrt.batches
    plans = [build_plan(source, work / f"{name}.plan", "tensorrt-rtx", batches) for _ in range(repeats)]
    spans = "; ".join(f"{b.min}-{b.opt}-{b.max}" for b in batches)
    sizes = [f"{path.stat().st_size / 1e6:.2f}" for path in (source, plans[0].path)]
    seconds = statistics.median(plan.seconds for plan in plans)
    return [name, weights, spans, *sizes, f"{seconds:.2f}", repeats, plans[0].layers, plans[0].library]


def main() -> None:
    """Compile all, print a row each and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "tensorrt_rtx_builds.csv")
    arguments = parser.parse_args()
    setting = Setting.of_this_machine("whatsit build --target tensorrt-rtx")
    with tempfile.TemporaryDirectory(prefix="whatsit-") as work:
        rows = []
        for name in RECIPES:
            rows.append(measure(name, Path(work), arguments.repeats))
            print(*rows[-1], sep="  ", flush=True)
    setting.write(arguments.out, COLUMNS, rows)


if __name__ == "__main__":
    try:
        main()
    except WhatsitError as error:
        sys.exit(f"tensorrt_rtx_builds: {error}")
