"""From a checkpoint to the file that serves: export, calibrate, quantise, compare, put in place, write the card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from whatsit.engines import built_with
from whatsit.engines.calibration import choose_pictures, read_batches
from whatsit.engines.card import CardFacts, write_card
from whatsit.engines.checkpoint import write_checkpoint
from whatsit.engines.export import export_onnx
from whatsit.engines.networks import load_network, read_trained
from whatsit.engines.parity import compare
from whatsit.engines.places import Places
from whatsit.engines.quantise import quantise_cpu
from whatsit.engines.recipe import EngineRecipe, read_build_recipe

TARGETS = ("onnxruntime",)


@dataclass(frozen=True)
class Built:
    """What a build made.

    Args:
        model: the INT8 file in its place.
        float_model: the float file in the work folder.
        card: the model card.
        parity: figures of INT8 against float.
        identical: True where the bytes are those that the older card records, None where no card says so.
        differences: what was not as the older card records, where the bytes differ.
    """

    model: Path
    float_model: Path
    card: Path
    parity: dict[str, float]
    identical: bool | None = None
    differences: tuple[str, ...] = ()


def build(
    places: Places,
    *,
    trained: Path | None = None,
    target: str = "onnxruntime",
    check: bool = False,
    console: Console | None = None,
) -> Built:
    """Build one engine from its committed checkpoint.

    The INT8 file takes its place only after every tolerance of the recipe holds; a failed build leaves the old one,
    and the old checkpoint.

    Args:
        places: what to read and where to write.
        trained: `best.pt` of `whatsit train`: becomes the committed checkpoint first, and the build starts from that,
            so that the committed file always gives what ships.
        target: "onnxruntime".
        check: build, compare the bytes with what the card records, and leave everything as it is.
        console: where progress goes; stderr by default.

    Raises:
        InvalidInput: recipe, checkpoint or pictures are not there or do not fit.
        Unavailable: a target that this version does not build.
        WhatsitError: INT8 answers differently from float; the sentence names the figure.
    """
    if target not in TARGETS:
        raise Unavailable(f"The target {target!r} cannot be built yet; choose {', '.join(TARGETS)}.")
    plan = read_build_recipe(places.recipe)
    places.work.mkdir(parents=True, exist_ok=True)
    source = places.checkpoint
    if trained is not None:
        source = places.work / places.checkpoint.name
        write_checkpoint(source, read_trained(places.engine, trained))
    network = load_network(places.engine, source)
    pictures = choose_pictures(plan.engine.calibration, places.data)
    float_model, made = places.work / "float.onnx", places.work / "model.onnx.part"
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Exporting", total=None)
        export_onnx(network.module, float_model, network.size, network.outputs, compared=network.compared)
        progress.update(task, description="Reading calibration pictures")
        inputs = read_batches(pictures.calibrating, network.prepare)
        checks = read_batches(pictures.checking, network.prepare)

        def corrected(done: int, total: int) -> None:
            progress.update(task, description="Correcting biases", completed=done, total=total)

        progress.update(task, description="Calibrating")
        quantise_cpu(float_model, made, inputs, keep_float=plan.engine.keep_float, progress=corrected)
        progress.update(task, description="Comparing with float", total=None)
        parity = compare(float_model, made, checks)
    _require(parity, plan.engine, made)
    used = built_with.ingredients(source, plan.engine, pictures.fingerprint)
    identical, differences = _against_card(places.card, made, used)
    if not check:
        places.out.parent.mkdir(parents=True, exist_ok=True)
        made.replace(places.out)
        if trained is not None:
            places.checkpoint.parent.mkdir(parents=True, exist_ok=True)
            source.replace(places.checkpoint)
        files = {"INT8, CPU": places.out, "float": float_model, "checkpoint": places.checkpoint}
        facts = CardFacts(places.engine, files, plan.engine, network.recipe, network.metrics, parity, used)
        write_card(places.card, facts, plan.card)
    return Built(made if check else places.out, float_model, places.card, parity, identical, differences)


def _against_card(card: Path, made: Path, used: built_with.Ingredients) -> tuple[bool | None, tuple[str, ...]]:
    """Are these the bytes that the card records, and what was different if not."""
    shipped, recorded = built_with.read_card(card)
    if shipped is None:
        return None, ()
    if built_with.file_hash(made) == shipped:
        return True, ()
    return False, tuple(built_with.differences(recorded, used)) or ("the code of Whatsit: all else is as recorded",)


def _require(parity: dict[str, float], recipe: EngineRecipe, part: Path) -> None:
    for name, least in recipe.tolerances.items():
        if name not in parity:
            raise InvalidInput(f"The recipe sets a tolerance for {name}, but the figures are {', '.join(parity)}.")
        if not parity[name] >= least:
            raise WhatsitError(
                f"INT8 differs too much from float: {name} is {parity[name]:.4f}, the recipe wants {least:g}; "
                f"keep more layers in float or calibrate with better pictures ({part} is kept for a look)."
            )
