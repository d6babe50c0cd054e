"""From a checkpoint to the file that serves: export, calibrate, quantise, compare, put in place, write the card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import Progress
from whatsit_client.errors import Damaged, InvalidInput, Unavailable, WhatsitError

from whatsit.engines.card import CardFacts, write_card
from whatsit.engines.export import export_onnx
from whatsit.engines.networks import load_network
from whatsit.engines.parity import compare
from whatsit.engines.quantise import quantise_cpu
from whatsit.engines.recipe import Calibration, EngineRecipe, read_build_recipe

Pixels = npt.NDArray[np.uint8]

TARGETS = ("onnxruntime",)
_BATCH = 8


@dataclass(frozen=True)
class Built:
    """What a build made.

    Args:
        model: the INT8 file in its place.
        float_model: the float file beside the checkpoint.
        card: the model card.
        parity: figures of INT8 against float.
    """

    model: Path
    float_model: Path
    card: Path
    parity: dict[str, float]


def build(
    engine: str,
    recipe: Path,
    checkpoint: Path,
    out: Path,
    card: Path,
    data: Path,
    *,
    target: str = "onnxruntime",
    console: Console | None = None,
) -> Built:
    """Build one engine.

    The INT8 file takes its place only after every tolerance of the recipe holds; a failed build leaves the old one.

    Args:
        engine: embedder, detector or classifier.
        recipe: YAML file with an `engine:` section.
        checkpoint: `best.pt` of `whatsit train`; the float ONNX file is written beside it.
        out: where the INT8 file goes, e.g. model_repository/embedder/1/model.onnx.
        card: where the model card goes.
        data: the folder under which the recipe's calibration pictures lie.
        target: "onnxruntime".
        console: where progress goes; stderr by default.

    Raises:
        InvalidInput: recipe, checkpoint or pictures are not there or do not fit.
        Unavailable: a target that this version does not build.
        WhatsitError: INT8 answers differently from float; the sentence names the figure.
    """
    if target not in TARGETS:
        raise Unavailable(f"The target {target!r} cannot be built yet; choose {', '.join(TARGETS)}.")
    plan = read_build_recipe(recipe)
    network = load_network(engine, checkpoint)
    calibrating, checking = _pictures(plan.engine.calibration, data)
    float_model, part = checkpoint.with_name("float.onnx"), out.with_name(out.name + ".part")
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Exporting", total=None)
        export_onnx(network.module, float_model, network.size, network.outputs, compared=network.compared)
        progress.update(task, description="Reading calibration pictures")
        inputs, checks = _batches(calibrating, network.prepare), _batches(checking, network.prepare)

        def corrected(done: int, total: int) -> None:
            progress.update(task, description="Correcting biases", completed=done, total=total)

        progress.update(task, description="Calibrating")
        quantise_cpu(
            float_model,
            part,
            inputs,
            keep_float=plan.engine.keep_float,
            progress=corrected,
        )
        progress.update(task, description="Comparing with float", total=None)
        parity = compare(float_model, part, checks)
    _require(parity, plan.engine, part)
    part.replace(out)
    metrics = torch.load(checkpoint, map_location="cpu", weights_only=True).get("metrics", {})
    facts = CardFacts(engine, {"INT8, CPU": out, "float": float_model}, plan.engine, network.recipe, metrics, parity)
    write_card(card, facts, plan.card)
    return Built(out, float_model, card, parity)


def _require(parity: dict[str, float], recipe: EngineRecipe, part: Path) -> None:
    for name, least in recipe.tolerances.items():
        if name not in parity:
            raise InvalidInput(f"The recipe sets a tolerance for {name}, but the figures are {', '.join(parity)}.")
        if not parity[name] >= least:
            raise WhatsitError(
                f"INT8 differs too much from float: {name} is {parity[name]:.4f}, the recipe wants {least:g}; "
                f"keep more layers in float or calibrate with better pictures ({part} is kept for a look)."
            )


def _pictures(calibration: Calibration, data: Path) -> tuple[list[Path], list[Path]]:
    """Pictures that calibrate and other ones that check, both spread evenly over the files of each pattern."""
    calibrating: list[Path] = []
    checking: list[Path] = []
    count, checks = (-(-n // len(calibration.pictures)) for n in (calibration.count, calibration.checks))
    for pattern in calibration.pictures:
        every = calibration.leave_out_every
        files = [path for i, path in enumerate(sorted(data.glob(pattern))) if not every or i % every != every - 1]
        if len(files) < 2:
            raise InvalidInput(
                f"No pictures match {pattern} in {data}; pass --data or change the recipe's calibration."
            )
        spread = [files[int(i)] for i in np.unique(np.linspace(0, len(files) - 1, count + checks).astype(int))]
        picked = set(np.linspace(0, len(spread) - 1, min(checks, len(spread) // 2)).astype(int).tolist())
        calibrating += [path for i, path in enumerate(spread) if i not in picked]
        checking += [path for i, path in enumerate(spread) if i in picked]
    return calibrating, checking


def _batches(files: Sequence[Path], prepare: Callable[[Pixels], Pixels]) -> list[Pixels]:
    """Network inputs, uint8 [up to 8,3,S,S] each."""
    views = []
    for path in files:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise Damaged(f"The picture {path} cannot be read: fetch it again or take it out of the data folder.")
        views.append(prepare(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)))
    return [np.stack(views[at : at + _BATCH]) for at in range(0, len(views), _BATCH)]
