"""Imports a user's ONNX network: checks, quantises and installs it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_pipeline import BuildPipeline, replace_file
from whatsit.engines.build_recipe import CardText, TensorRTRecipe, read_build_recipe
from whatsit.engines.calibration_pictures import Pixels, read_batches, select_pictures
from whatsit.engines.model_card import CardFacts, write_card
from whatsit.engines.provenance import collect_provenance
from whatsit.engines.step_cache import StepCache
from whatsit.engines.tensor_contract import CONTRACTS, check_contract, probe_images


def import_onnx(
    paths: BuildPaths, source: Path, *, quantise: bool = False, origin: str = "", console: Console | None = None
) -> dict[str, dict[str, float]]:
    """Install a float ONNX file as one of the networks, and its form for TensorRT.

    A catalogue's index that another embedder made cannot be served with the new one: embed the catalogue again.

    Args:
        paths: files to write; the recipe's tolerances apply, its patterns of node names do not.
        source: the user's network, with the tensors of `whatsit.engines.tensor_contract`.
        quantise: make INT8 of it, with the recipe's calibration pictures; otherwise float32 for the CPU, FP16 for GPUs.
        origin: where the network comes from, for the card.
        console: where the progress is shown; stderr by default.

    Returns:
        Parity figures of each form against the given file.

    Raises:
        InvalidInput: the network violates the tensor contract.
        WhatsitError: a form differs too much from the given file.
    """
    check_contract(paths.engine, source)
    contract = CONTRACTS[paths.engine]
    recipe = read_build_recipe(paths.recipe).engine
    changes: dict[str, Any] = {
        "keep_float": [],
        "precision": "int8" if quantise else "fp16",
        "tensorrt": TensorRTRecipe(ranges=recipe.tensorrt.ranges),
        "tolerances": recipe.tolerances if quantise else {},
    }
    recipe = recipe.model_copy(update=changes)
    pictures = select_pictures(recipe.calibration, paths.data) if quantise else None

    def read_pictures() -> tuple[list[Pixels], list[Pixels]]:
        if pictures is None:
            return [], [probe_images(contract.size, 8)]
        return read_batches(pictures.calibrating, contract.prepare), read_batches(pictures.checking, contract.prepare)

    used = collect_provenance(source, recipe, pictures.fingerprint if pictures else hashlib.sha256(b"").hexdigest())
    work = paths.work / "imported"
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        pipeline = BuildPipeline(
            recipe,
            work,
            used,
            progress,
            lambda path: shutil.copyfile(source, path),
            read_pictures,
            StepCache(work),
        )
        files, figures = pipeline.run()
    pipeline.check_tolerances(figures, lambda form: "leave out --quantise")
    installed = dict(zip(files, (paths.out, paths.tensorrt), strict=True))
    for form, path in files.items():
        replace_file(path, installed[form])
    text = CardText(summary=f"A network of your own in the slot of the {paths.engine}.", origin=[origin or str(source)])
    facts = CardFacts(paths.engine, installed | {"given": source}, recipe, {}, {}, figures, used)
    write_card(paths.card, facts, text)
    return figures
