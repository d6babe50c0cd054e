"""Builds the scan network's files for phones from a checkpoint, with their card."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from whatsit_client.errors import WhatsitError

from whatsit.engines import parity, provenance
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_pipeline import replace_file
from whatsit.engines.build_recipe import BuildRecipe, read_build_recipe
from whatsit.engines.calibration_pictures import Pixels, read_batches, select_pictures
from whatsit.engines.checkpoint_file import write_checkpoint
from whatsit.engines.export import export_onnx
from whatsit.engines.export_ncnn import export_ncnn
from whatsit.engines.model_card import CardFacts, write_card
from whatsit.engines.ncnn_file import read_ncnn
from whatsit.engines.ncnn_runner import NcnnRunner
from whatsit.engines.onnx_runner import file_fingerprint
from whatsit.engines.quantise_cpu import quantise_cpu
from whatsit.engines.quantise_ncnn import quantise_ncnn
from whatsit.engines.step_cache import StepCache
from whatsit.engines.trained_networks import EngineNetwork, load_network, read_trained
from whatsit.models.center_boxes import center_boxes
from whatsit.models.centernet import CenterNet, CenterNetForExport
from whatsit.models.product_labels import label_names

FLOAT, INT8 = "float, ONNX", "INT8, ONNX"
NCNN, NCNN_HALF, NCNN_INT8 = "fp32, ncnn", "fp16, ncnn", "INT8, ncnn"
SHIPPED = {FLOAT: "scan.onnx", INT8: "scan-int8.onnx", NCNN_HALF: "scan.param", NCNN_INT8: "scan-int8.param"}
"""Names of the files that clients get, by form; a `.param` has its `.bin` beside it."""
CONTRACT = "scan.json"

_CELLS, _WINDOW = 400, 1
_PEAKS = 50  # that a build is compared by
_MULTIPLE = 32
_MIN_SCORE, _MIN_PRODUCT, _IOU, _KEPT = 0.3, 0.3, 0.5, 20


@dataclass(frozen=True)
class ScanBuild:
    """Result of a build of the scan network.

    Args:
        files: by form, in their place.
        card: the model card.
        parity: figures against the float ONNX file, by form.
        identical: whether the bytes are those that the older card records, None without such a card.
        differences: what differs from the older card's record, if the bytes differ.
    """

    files: dict[str, Path]
    card: Path
    parity: dict[str, dict[str, float]]
    identical: bool | None
    differences: tuple[str, ...]


def build_scan(
    paths: BuildPaths,
    *,
    trained: Path | None = None,
    check: bool = False,
    fresh: bool = False,
    console: Console | None = None,
) -> ScanBuild:
    """Build the ONNX and ncnn files of the scan network from its checkpoint.

    The new files replace the old ones only if every form passes the tolerances of the recipe.

    Args:
        paths: files to read and to write; those for clients go beside `paths.out`.
        trained: `best.pt` of `whatsit train`; it becomes the committed checkpoint.
        check: build, compare the bytes with the card's record, and change nothing.
        fresh: repeat every step.
        console: where the progress is shown; stderr by default.

    Raises:
        InvalidInput: recipe, checkpoint or pictures are missing or invalid.
        Unavailable: pnnx or ncnn is not installed.
        WhatsitError: a form differs too much from float.
    """
    recipe = read_build_recipe(paths.recipe)
    source = paths.checkpoint
    if trained is not None:
        source = paths.work / paths.checkpoint.name
        write_checkpoint(source, read_trained("scan", trained))
    network = load_network("scan", source)
    pictures = select_pictures(recipe.engine.calibration, paths.data)
    used = provenance.collect_provenance(source, recipe.engine, pictures.fingerprint)
    used |= {name: provenance.package_version(name) for name in ("pnnx", "ncnn")}
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        forms = _Forms(
            paths.work,
            network,
            recipe,
            used,
            StepCache(paths.work, fresh or check),
            read_batches(pictures.calibrating, network.prepare),
        )
        files = {}
        for form, make in forms.steps().items():
            task = progress.add_task(f"Making {form}", total=None)
            files[form] = make()
            progress.remove_task(task)
        progress.add_task("Comparing with float", total=None)
        figures = compare(files, read_batches(pictures.checking, network.prepare))
    _check_tolerances(figures, recipe, paths.work)
    shipped, recorded = provenance.read_card(paths.card)
    same = None if not shipped else all(shipped.get(n) == file_fingerprint(p) for n, p in _with_weights(files).items())
    differing = (
        () if same or same is None else tuple(provenance.differences(recorded, used)) or ("the code of Whatsit",)
    )
    if not check:
        files = _install(paths, files, source, recipe, network, figures, used)
    return ScanBuild(files, paths.card, figures, same, differing)


def compare(files: dict[str, Path], batches: Sequence[Pixels]) -> dict[str, dict[str, float]]:
    """Return the parity figures of each form against the float ONNX file.

    Args:
        files: by form; `FLOAT` is the reference.
        batches: pictures, uint8 [b, 3, S, S].
    """
    reference = _detections(parity.run_network(files[FLOAT], batches))
    figures = {}
    for form, path in files.items():
        if path.suffix == ".param":
            with NcnnRunner(path, CenterNetForExport.output_names) as runner:
                runs = [runner.run({"images": batch}) for batch in batches]
            outputs = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
        elif form == FLOAT:
            continue
        else:
            outputs = parity.run_network(path, batches)
        figures[form] = parity.figures(reference, _detections(outputs))
    return figures


@dataclass
class _Forms:
    """The files of a build, made one from another in the work folder."""

    work: Path
    network: EngineNetwork
    recipe: BuildRecipe
    used: provenance.Provenance
    cache: StepCache
    batches: list[Pixels]

    def steps(self) -> dict[str, Callable[[], Path]]:
        """Return the maker of each form; each writes a file and returns its path."""
        return {
            FLOAT: self.float_onnx,
            INT8: self.int8_onnx,
            NCNN: self.ncnn,
            NCNN_HALF: self.ncnn_half,
            NCNN_INT8: self.ncnn_int8,
        }

    def float_onnx(self) -> Path:
        path, network = self.work / SHIPPED[FLOAT], self.network

        def write() -> None:
            export_onnx(network.module, path, network.size, network.outputs, any_size=True)

        return self.cache.build(path, self.used, write)

    def int8_onnx(self) -> Path:
        path, engine = self.work / SHIPPED[INT8], self.recipe.engine

        def write() -> None:
            quantise_cpu(self.float_onnx(), path, self.batches, keep_float=engine.keep_float, ranges=engine.ranges)

        return self.cache.build(path, self.used, write)

    def ncnn(self) -> Path:
        path = self.work / "scan-fp32.param"

        def write() -> None:
            scan = _network_of(self.network)
            export_ncnn(CenterNetForExport(scan, pixels=False), self.network.size, self.network.outputs).write(
                path, "fp32"
            )

        return self.cache.build(path, self.used, write)

    def ncnn_half(self) -> Path:
        source, path = self.ncnn(), self.work / SHIPPED[NCNN_HALF]
        read_ncnn(source, source.with_suffix(".bin")).write(path, "fp16")
        return path

    def ncnn_int8(self) -> Path:
        source, path = self.ncnn(), self.work / SHIPPED[NCNN_INT8]
        network = read_ncnn(source, source.with_suffix(".bin"))
        quantise_ncnn(network, self.batches).write(path, "fp16")
        return path


def _network_of(network: EngineNetwork) -> CenterNet:
    module = network.module
    assert isinstance(module, CenterNetForExport)
    return module.network


def _detections(maps: parity.Outputs) -> parity.Outputs:
    """Return the boxes of dense maps as a detector's outputs, padded with score 0."""
    boxes = np.zeros((len(maps["heat"]), _PEAKS, 4), np.float32)
    scores, labels = np.zeros(boxes.shape[:2], np.float32), np.zeros(boxes.shape[:2], np.int64)
    for row, (heat, size, offset) in enumerate(zip(maps["heat"], maps["size"], maps["offset"], strict=True)):
        planes = [np.asarray(plane, np.float32) for plane in (heat, size, offset)]
        found = center_boxes(planes[0], planes[1], planes[2], min_score=0.02, top=_PEAKS, window=3)
        count = len(found.scores)
        boxes[row, :count], scores[row, :count] = found.boxes, found.scores
    return {"boxes": boxes, "scores": scores, "labels": labels}


def _check_tolerances(figures: dict[str, dict[str, float]], recipe: BuildRecipe, work: Path) -> None:
    for form, values in figures.items():
        if missed := parity.missed_tolerances(values, recipe.engine.tolerances):
            name = missed[0]
            raise WhatsitError(
                f"{form} differs too much from float: {name} is {values[name]:.4f}, the recipe wants "
                f"{recipe.engine.tolerances[name]:g}; keep more layers in float (the file is kept in {work})."
            )


def _with_weights(files: dict[str, Path]) -> dict[str, Path]:
    """Return the files that clients get, and the `.bin` of each `.param`."""
    rows = {}
    for form in SHIPPED:
        rows[form] = files[form]
        if files[form].suffix == ".param":
            rows[f"{form}, weights"] = files[form].with_suffix(".bin")
    return rows


def _install(
    paths: BuildPaths,
    files: dict[str, Path],
    source: Path,
    recipe: BuildRecipe,
    network: EngineNetwork,
    figures: dict[str, dict[str, float]],
    used: provenance.Provenance,
) -> dict[str, Path]:
    """Copy the files to where clients find them, write contract and card."""
    folder = paths.out.parent
    placed = {form: folder / path.name for form, path in _with_weights(files).items()}
    for form, path in _with_weights(files).items():
        replace_file(path, placed[form])
    checkpoint = paths.checkpoint if source.parent == paths.work else source
    replace_file(source, checkpoint)
    text = json.dumps(client_contract(network, placed), indent=1, ensure_ascii=False)
    (folder / CONTRACT).write_text(text + "\n", encoding="utf-8")
    shown = {**placed, "checkpoint": checkpoint}
    facts = CardFacts("scan network", shown, recipe.engine, network.recipe, network.metrics, figures, used)
    write_card(paths.card, facts, recipe.card)
    return placed


def client_contract(network: EngineNetwork, files: dict[str, Path]) -> dict[str, object]:
    """Return what clients need to know about tensors and post-processing, as JSON."""
    names = {form: path.name for form, path in files.items()}
    return {
        "format": 1,
        "side": network.size,
        "multiple": _MULTIPLE,
        "stride": _network_of(network).stride,
        "padding": 114,
        "scale": 1 / 255,
        "colour": "RGB",
        "input": "images",
        "outputs": list(network.outputs),
        "min_score": _MIN_SCORE,
        "window": _WINDOW,
        "top": _CELLS,
        "iou": _IOU,
        "boxes": _KEPT,
        "min_product": _MIN_PRODUCT,
        "labels": list(label_names()),
        "files": {
            "onnx": names[FLOAT],
            "onnx_int8": names[INT8],
            "ncnn": [names[NCNN_HALF], names[f"{NCNN_HALF}, weights"]],
            "ncnn_int8": [names[NCNN_INT8], names[f"{NCNN_INT8}, weights"]],
        },
        "sha256": {path.name: file_fingerprint(path) for path in files.values()},
    }
