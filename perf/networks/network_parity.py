"""Compare the shipped files with the trained networks in float.

python -m perf.networks.network_parity --data ../shared/data  # perf/results/parity.csv; 1 where a bound is broken

What matters, on pictures that no training saw: recall@1 and neighbours of the embedder on grocery photos, AP50 and IoU
of the detector on held-out scenes, the classifier's best classes on photos of three data sets. The file for TensorRT is
computed by ONNX Runtime on the CPU, node by node, so its figures hold for the file and not for a GPU's kernels.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer

from perf.common.command import DATA, Data, Table, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.export import export_onnx
from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.parity import figures, neighbour_overlap
from whatsit.engines.trained_networks import EngineNetwork, load_network
from whatsit.evaluation.datasets.classifier_sets import evaluation_sets
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.datasets.labelled_pictures import read_names, read_rgb
from whatsit.evaluation.metrics.detection_scores import evaluate_detector
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.evaluation.reports.detector_report import coco_scenes, detector_finder

COLUMNS = ("network", "form", "figure", "value", "float", "bound", "holds", "data")
BOUNDS = {"R@1 difference": 0.005, "AP50 difference": 0.01, "overlap at 10": 0.90, "agreement": 0.98}
"""A difference may be at most so large, a share must be at least so large."""

Outputs = dict[str, npt.NDArray[np.generic]]
Run = Callable[[npt.NDArray[np.uint8]], Outputs]
Rows = Iterator[tuple[str, str, float, float]]
FLOAT = "float, ONNX"


def forms(name: str, checkpoint: Path | None, stack: ExitStack, work: Path) -> tuple[EngineNetwork, dict[str, Run]]:
    """All forms of one engine, the float file first."""
    paths = BuildPaths.of(name, ROOT)
    network = load_network(name, checkpoint or paths.checkpoint)
    exported = work / f"{name}.onnx"
    export_onnx(network.module, exported, network.size, network.outputs, compared=network.compared)

    def in_torch(images: npt.NDArray[np.uint8]) -> Outputs:
        with torch.inference_mode():
            values = network.module.eval()(torch.from_numpy(images))
        return {key: value.numpy() for key, value in zip(network.outputs, values, strict=True)}

    runs: dict[str, Run] = {}
    files = {FLOAT: exported, "INT8, CPU": paths.out, "INT8 + FP16, TensorRT": paths.tensorrt}
    for form, path in files.items():
        runner = stack.enter_context(OnnxRunner(path, optimise=path != paths.tensorrt))
        runs[form] = lambda images, runner=runner: runner.run({"images": images})  # type: ignore[misc]
    return network, {FLOAT: runs.pop(FLOAT), "float, torch": in_torch, **runs}


def embedder(runs: dict[str, Run], network: EngineNetwork, data: Path, photos: int) -> Rows:
    """Compare grocery photos with shop images, and their ten nearest neighbours."""
    store = GroceryStore(data / "grocery_store")
    train = store.queries("train")
    train = train[:: max(1, len(train) // photos)]
    paths = [*store.queries("val"), *(each.image for each in store.gallery()), *train]
    views = np.stack([network.prepare(read_rgb(path)) for path in paths])
    truth, count = np.array(store.truth("val")), len(store.queries("val"))
    labels = np.array([each.label for each in store.gallery()])
    vectors = {form: _run(run, views)["embedding"].astype(np.float32) for form, run in runs.items()}
    recall = {
        form: recall_at_k(v[:count], v[count : count + len(labels)], truth, labels, (1,))[1]
        for form, v in vectors.items()
    }
    exact = vectors[FLOAT]
    for form, v in vectors.items():
        yield form, "R@1", recall[form], recall[FLOAT]
        yield form, "R@1 difference", abs(recall[form] - recall[FLOAT]), 0.0
        overlap = neighbour_overlap(exact[:count], v[:count], (exact[count:], v[count:]))
        yield form, "overlap at 10", overlap, 1.0
        yield form, "cosine", float((exact * v).sum(axis=1).mean()), 1.0


def detector(runs: dict[str, Run], network: EngineNetwork, data: Path, photos: int) -> Rows:
    """Compare held-out coco128 scenes, class-free, and the boxes themselves."""
    names = read_names(ROOT / "build" / "detector.heldout.txt")
    views = np.stack([network.prepare(pixels) for pixels, _ in coco_scenes(data, names)])
    exact = _run(runs[FLOAT], views)
    scores = {
        form: evaluate_detector(
            detector_finder(lambda feeds, run=run: run(feeds["images"]), network.size),  # type: ignore[misc]
            coco_scenes(data, names),
        ).ap50
        for form, run in runs.items()
    }
    for form, run in runs.items():
        yield form, "AP50", scores[form], scores[FLOAT]
        yield form, "AP50 difference", abs(scores[form] - scores[FLOAT]), 0.0
        alike = figures(exact, _run(run, views))
        yield form, "boxes found", alike["boxes.found"], 1.0
        yield form, "IoU of found boxes", alike["boxes.iou"], 1.0


def classifier(runs: dict[str, Run], network: EngineNetwork, data: Path, photos: int) -> Rows:
    """Compare intent, source and topic on held-out photos and compositions."""
    views = np.concatenate([judged.views() for judged in evaluation_sets(data)])
    views = views[:: -(-len(views) // photos)]
    exact = _run(runs[FLOAT], views)
    for form, run in runs.items():
        for name, value in figures(exact, _run(run, views)).items():
            yield form, name.replace(".", " "), value, 1.0


ENGINES = {
    "embedder": (embedder, "grocery val, 81 shop images, every n-th train photo"),
    "detector": (detector, "28 held-out coco128 scenes"),
    "classifier": (classifier, "every n-th of grocery val, clothing validation, held-out ImageNet, compositions"),
}


def holds(figure: str, value: float) -> tuple[str, bool]:
    """Return the bound of a figure as text, and whether it holds; none always holds."""
    bound = next((name for name in BOUNDS if figure == name or figure.endswith(f" {name}")), None)
    if bound is None:
        return "", True
    most = bound.endswith("difference")
    within = value <= BOUNDS[bound] + 1e-9 if most else value >= BOUNDS[bound]
    return f"{'<=' if most else '>='} {BOUNDS[bound]:g}", within


def main(
    engines: Annotated[list[str], typer.Argument(help="embedder, detector, classifier")] = list(ENGINES),  # noqa: B006
    data: Data = DATA,
    photos: Annotated[int, typer.Option(help="At most, for the embedder's neighbours and the classifier.")] = 600,
    out: Table = RESULTS / "parity.csv",
) -> None:
    """Measure, print and write the CSV; the exit code is 1 where a bound is broken."""
    setting = Setting.of_this_machine("perf.networks.network_parity")
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="whatsit-") as work:
        for name in engines:
            measure, pictures = ENGINES[name]
            with ExitStack() as stack:
                network, runs = forms(name, None, stack, Path(work))
                for form, figure, value, exact in measure(runs, network, data, photos):
                    bound, good = holds(figure, value)
                    shown = [f"{value:.4f}", f"{exact:.4f}", bound, "yes" if good else "no"]
                    rows.append([name, form, figure, *shown, pictures])
                    print(f"{name:11} {form:22} {figure:20} {' '.join(shown)}", flush=True)
    setting.write(out, COLUMNS, rows)
    if broken := [row for row in rows if row[6] == "no"]:
        sys.exit(f"parity: {len(broken)} bounds are broken, the first by {' '.join(map(str, broken[0][:4]))}.")


def _run(run: Run, views: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8], batch: int = 8) -> Outputs:
    parts = [run(np.asarray(views[at : at + batch])) for at in range(0, len(views), batch)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


if __name__ == "__main__":
    run_command(main)
