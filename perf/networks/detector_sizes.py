"""Recall of the detector by the side of its input, and a first pass at a small one.

python -m perf.networks.detector_sizes  # writes perf/results/detector_sizes.csv

The float network at each size, class-free, IoU 0.5, 20 boxes. With a first pass, a picture is done where that pass
finds something and only large things: all boxes from the server's least score have sides over a tenth of the picture.
The others are looked at again at full size. CPU milliseconds are medians of a thread, sizes in turn.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, Table, positive_numbers, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from whatsit.engines.export import export_onnx
from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.trained_networks import load_network
from whatsit.evaluation.datasets.labelled_pictures import read_names, read_rgb
from whatsit.evaluation.metrics.detection_scores import Found, evaluate_detector
from whatsit.evaluation.reports.detector_report import coco_scenes, detector_finder, shop_scenes
from whatsit.models.detector import for_export
from whatsit.vision.boxes import FloatArray
from whatsit.vision.regions import MIN_SCORE

COLUMNS = ("pictures", "sides", "recall", "recall_big", "ap50", "boxes", "done_first", "cpu_ms")

Pixels = npt.NDArray[np.uint8]
Find = Callable[[Pixels], Found]
_LARGE = 0.1


class FirstPass:
    """A detector that looks again at full size where that may find more.

    Args:
        small: the first pass.
        full: the second.
    """

    def __init__(self, small: Find, full: Find) -> None:
        self._small, self._full = small, full
        self.done: list[bool] = []

    def __call__(self, pixels: Pixels) -> Found:
        """Return boxes and scores."""
        boxes, scores = found = self._small(pixels)
        seen = boxes[scores >= MIN_SCORE]
        sides = (seen[:, 2:] - seen[:, :2]) / np.array([pixels.shape[1], pixels.shape[0]])
        self.done.append(bool(len(seen)) and bool((sides > _LARGE).all()))
        return found if self.done[-1] else self._full(pixels)


def exported(sides: Sequence[int], folder: Path) -> dict[int, Path]:
    """Export the committed float network for each side."""
    network = load_network("detector", ROOT / "build" / "checkpoints" / "detector.safetensors")
    files = {}
    for side in sides:
        module = for_export(network.module.network, side).eval()  # type: ignore[arg-type]  # a submodule is the network
        files[side] = folder / f"{side}.onnx"
        export_onnx(module, files[side], side, network.outputs, batches=())
    return files


def milliseconds(runners: Mapping[int, OnnxRunner], runs: int) -> dict[int, float]:
    """Return the median CPU milliseconds of a picture, sizes in turn."""
    spent: dict[int, list[float]] = {side: [] for side in runners}
    for turn in range(-3, runs):
        for side, runner in runners.items():
            picture = np.random.default_rng(0).integers(0, 256, (1, 3, side, side)).astype(np.uint8)
            start = time.process_time()
            runner.run({"images": picture})
            if turn >= 0:
                spent[side].append(1e3 * (time.process_time() - start))
    return {side: statistics.median(values) for side, values in spent.items()}


def main(
    sides: Annotated[
        str, typer.Option(help="Sides of the input in pixels, a comma list; the last is the full one.")
    ] = ("320,352,384,416"),
    scenes: Annotated[int, typer.Option(help="Drawn scenes of a shop that training left out.")] = 100,
    runs: Annotated[int, typer.Option(help="Runs of each size that count.")] = 40,
    data: Annotated[Path, typer.Option(help="Folder of coco128 and grocery_store.")] = DATA,
    out: Table = RESULTS / "detector_sizes.csv",
) -> None:
    """Measure, print and write the CSV."""
    setting = Setting.of_this_machine("perf.networks.detector_sizes")
    numbers = positive_numbers(sides)
    held_out = read_names(ROOT / "build" / "detector.heldout.txt")
    photos = sorted((data / "grocery_store" / "val").rglob("*.jpg"))[::3]

    def shop_photos() -> Iterator[tuple[Pixels, FloatArray]]:
        return ((read_rgb(photo), np.zeros((0, 4), np.float32)) for photo in photos)

    sets = {
        f"coco128, {len(held_out)} held-out scenes": lambda: coco_scenes(data, held_out),
        f"rendered shop 2, {scenes} scenes": lambda: shop_scenes(scenes=scenes),
        f"grocery, {len(photos)} photos": shop_photos,
    }
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="whatsit-") as folder, ExitStack() as stack:
        files = exported(numbers, Path(folder))
        runners = {side: stack.enter_context(OnnxRunner(file)) for side, file in files.items()}
        spent = milliseconds(runners, runs)
        finders: dict[int, Find] = {side: detector_finder(runner.run, side) for side, runner in runners.items()}
        full = numbers[-1]
        for name, make in sets.items():
            pictures = list(make())
            passes = {f"{side}, then {full}": (FirstPass(finders[side], finders[full]), side) for side in numbers[:-1]}
            for shown, find, side in [(str(s), finders[s], s) for s in numbers] + [
                (shown, find, side) for shown, (find, side) in passes.items()
            ]:
                score = evaluate_detector(find, pictures)
                again = 1 - float(np.mean(find.done)) if isinstance(find, FirstPass) else 0.0
                done = f"{1 - again:.3f}" if isinstance(find, FirstPass) else ""
                figures = [f"{value:.3f}" for value in (score.recall, score.recall_big, score.ap50)]
                rows.append([name, shown, *figures, score.boxes, done, f"{spent[side] + again * spent[full]:.1f}"])
                print(*rows[-1], sep="  ", flush=True)
    setting.write(out, COLUMNS, rows)


if __name__ == "__main__":
    run_command(main)
