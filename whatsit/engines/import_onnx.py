"""A user's own network in a slot: checked, quantised if that is asked for, put in place with a card."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import onnx
from rich.console import Console
from rich.progress import Progress
from whatsit_client.errors import WhatsitError

from whatsit.engines import parity, provenance
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_recipe import CardText, EngineRecipe, read_build_recipe
from whatsit.engines.calibration_pictures import CalibrationPictures, read_batches, select_pictures
from whatsit.engines.fp16 import to_fp16
from whatsit.engines.model_card import CardFacts, write_card
from whatsit.engines.quantise_cpu import prepare_float, quantise_cpu
from whatsit.engines.quantise_tensorrt import quantise_tensorrt
from whatsit.engines.tensor_contract import CONTRACTS, check_contract, probe_images

FLOAT, HALF = "float32, CPU", "FP16, TensorRT"
INT8, INT8_HALF = "INT8, CPU", "INT8 + FP16, TensorRT"


def import_onnx(
    paths: BuildPaths, source: Path, *, quantise: bool = False, origin: str = "", console: Console | None = None
) -> dict[str, dict[str, float]]:
    """Put a float ONNX file into a slot, and its form for TensorRT beside it.

    An index that another embedder made refuses to serve with the new one: its vectors must be made again.

    Args:
        paths: where things go; its recipe's tolerances hold, its patterns of node names do not.
        source: the user's network, with the slot's tensors (see `whatsit.engines.tensor_contract`).
        quantise: make INT8 of it, with the recipe's calibration pictures; else float32 for the CPU, FP16 for GPUs.
        origin: where the network comes from, for the card.
        console: where progress goes; stderr by default.

    Returns:
        Figures of each form against the given file.

    Raises:
        InvalidInput: the network does not keep the contract; one sentence says what is wrong.
        WhatsitError: a form answers differently from the given file.
    """
    check_contract(paths.engine, source)
    recipe = read_build_recipe(paths.recipe).engine
    recipe = recipe.model_copy(update={"keep_float": [], "precision": "int8" if quantise else "fp16"})
    paths.work.mkdir(parents=True, exist_ok=True)
    cpu, gpu = paths.work / "given.cpu.onnx", paths.work / "given.tensorrt.onnx"
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Preparing", total=None)
        prepare, pictures = CONTRACTS[paths.engine].prepare, None
        model = prepare_float(source)
        if quantise:
            pictures = select_pictures(recipe.calibration, paths.data)
            batches, checks = (read_batches(chosen, prepare) for chosen in (pictures.calibrating, pictures.checking))
            progress.update(task, description="Quantising for the CPU")
            quantise_cpu(source, cpu, batches, ranges=recipe.ranges)
            progress.update(task, description="Quantising for TensorRT")
            onnx.save(to_fp16(quantise_tensorrt(model, batches, ranges=recipe.tensorrt.ranges)), gpu)
        else:
            checks = [probe_images(CONTRACTS[paths.engine].size, 8)]
            shutil.copyfile(source, cpu)
            onnx.save(to_fp16(model), gpu)
        progress.update(task, description="Comparing with the given file")
        reference = parity.run_network(source, checks)
        forms = {INT8: cpu, INT8_HALF: gpu} if quantise else {FLOAT: cpu, HALF: gpu}
        figures = {
            form: parity.figures(reference, parity.run_network(path, checks, exact=path == gpu))
            for form, path in forms.items()
        }
    for form, values in figures.items():
        if missed := parity.missed_tolerances(values, recipe.tolerances if quantise else {}):
            raise WhatsitError(
                f"{form} differs too much from {source}: {missed[0]} is {values[missed[0]]:.4f}, the recipe wants "
                f"{recipe.tolerances[missed[0]]:g}; leave out --quantise."
            )
    for made, place in ((cpu, paths.out), (gpu, paths.tensorrt)):
        place.parent.mkdir(parents=True, exist_ok=True)
        made.replace(place)
    files = dict(zip(forms, (paths.out, paths.tensorrt), strict=True)) | {"given": source}
    text = CardText(summary=f"A network of your own in the slot of the {paths.engine}.", origin=[origin or str(source)])
    used = _used(source, recipe, pictures)
    write_card(paths.card, CardFacts(paths.engine, files, recipe, {}, {}, figures, used), text)
    return figures


def _used(source: Path, recipe: EngineRecipe, pictures: CalibrationPictures | None) -> provenance.Provenance:
    fingerprint = pictures.fingerprint if pictures else hashlib.sha256(b"").hexdigest()
    return provenance.collect_provenance(source, recipe, fingerprint)
