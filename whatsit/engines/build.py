"""Builds the two files that serve from a checkpoint, with their model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from whatsit.engines import provenance
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_pipeline import FORMS, BuildPipeline, replace_file
from whatsit.engines.build_recipe import BuildRecipe, read_build_recipe
from whatsit.engines.calibration_pictures import read_batches, select_pictures
from whatsit.engines.checkpoint_file import write_checkpoint
from whatsit.engines.export import export_onnx
from whatsit.engines.model_card import CardFacts, write_card
from whatsit.engines.onnx_runner import file_fingerprint
from whatsit.engines.step_cache import StepCache
from whatsit.engines.trained_networks import EngineNetwork, load_network, read_trained


@dataclass(frozen=True)
class BuildResult:
    """Result of a build.

    Args:
        model: the file for the CPU in its place.
        tensorrt: the file that TensorRT compiles, in its place.
        float_model: the float file in the work folder.
        card: the model card.
        parity: parity figures against float, of each form.
        identical: True if the bytes are those that the older card records, None without such a card.
        differences: what differs from the older card's record, if the bytes differ.
    """

    model: Path
    tensorrt: Path
    float_model: Path
    card: Path
    parity: dict[str, dict[str, float]]
    identical: bool | None = None
    differences: tuple[str, ...] = ()


def build(
    paths: BuildPaths,
    *,
    trained: Path | None = None,
    check: bool = False,
    bisect: bool = False,
    fresh: bool = False,
    console: Console | None = None,
) -> BuildResult:
    """Build both files of one engine from its committed checkpoint.

    The new files replace the old ones only if both pass every tolerance of the recipe; a failed build leaves the old
    files and the old checkpoint. Steps that an earlier build did with the same provenance are not repeated.

    Args:
        paths: files to read and to write.
        trained: `best.pt` of `whatsit train`. It is first converted to the committed checkpoint, and the build starts
            from that, so that the committed file always reproduces the shipped one.
        check: build, compare the bytes with the card's record, and change nothing.
        bisect: if a tolerance is missed, find the layers that must stay in float.
        fresh: repeat every step.
        console: where the progress is shown; stderr by default.

    Raises:
        InvalidInput: recipe, checkpoint or pictures are missing or invalid.
        WhatsitError: a form differs from float; the message names the figure and, with `bisect`, the layers.
    """
    plan = read_build_recipe(paths.recipe)
    source = paths.checkpoint
    if not source.is_file():  # a variant that is not trained itself, such as embedder-fp16
        source = source.with_name(f"{paths.engine}{source.suffix}")
    if trained is not None:
        source = paths.work / paths.checkpoint.name
        write_checkpoint(source, read_trained(paths.engine, trained))
    network = load_network(paths.engine, source)
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        pipeline = _pipeline(paths, plan, source, network, fresh or check, progress)

        def advice(form: str) -> str:
            if not bisect:
                return (
                    "--bisect finds the layers that must stay in float, or calibrate with better pictures "
                    f"(the file is kept in {paths.work})"
                )
            layers = pipeline.find_float_layers(form)
            if layers is None:
                return "no choice of layers is enough"
            return f"it passes with these in keep_float: {', '.join(layers)}"

        files, figures = pipeline.run()
        pipeline.check_tolerances(figures, advice)
        float_file = pipeline.float_file()
    cpu_form, gpu_form = FORMS[plan.engine.precision]
    used = pipeline.provenance
    identical, differences = _compare_with_card(paths.card, files, used)
    result = BuildResult(files[cpu_form], files[gpu_form], float_file, paths.card, figures, identical, differences)
    return result if check else _install(paths, result, source, plan, network, used)


def build_for_cpu(paths: BuildPaths, trained: Path, console: Console | None = None) -> None:
    """Write `paths.out`, the file for the CPU alone: no comparison, no card.

    Args:
        paths: recipe and data to read, work folder and file to write.
        trained: `best.pt` of `whatsit train`.
        console: where the progress is shown; stderr by default.

    Raises:
        InvalidInput: recipe, checkpoint or pictures are missing or invalid.
    """
    plan, source = read_build_recipe(paths.recipe), paths.work / paths.checkpoint.name
    write_checkpoint(source, read_trained(paths.engine, trained))
    network = load_network(paths.engine, source)
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        pipeline = _pipeline(paths, plan, source, network, False, progress)
        replace_file(pipeline.cpu_file(), paths.out)


def _pipeline(
    paths: BuildPaths, plan: BuildRecipe, source: Path, network: EngineNetwork, fresh: bool, progress: Progress
) -> BuildPipeline:
    pictures = select_pictures(plan.engine.calibration, paths.data)
    return BuildPipeline(
        plan.engine,
        paths.work,
        provenance.collect_provenance(source, plan.engine, pictures.fingerprint),
        progress,
        lambda path: export_onnx(network.module, path, network.size, network.outputs, compared=network.compared),
        lambda: (read_batches(pictures.calibrating, network.prepare), read_batches(pictures.checking, network.prepare)),
        StepCache(paths.work, fresh),
    )


def _install(
    paths: BuildPaths,
    result: BuildResult,
    source: Path,
    plan: BuildRecipe,
    network: EngineNetwork,
    used: provenance.Provenance,
) -> BuildResult:
    """Copy the files to where they are served and write the card."""
    checkpoint = paths.checkpoint if source.parent == paths.work else source
    replace_file(result.model, paths.out)
    replace_file(result.tensorrt, paths.tensorrt)
    replace_file(source, checkpoint)
    forms = dict(zip(FORMS[plan.engine.precision], (paths.out, paths.tensorrt), strict=True))
    files = {**forms, "float": result.float_model, "checkpoint": checkpoint}
    facts = CardFacts(paths.engine, files, plan.engine, network.recipe, network.metrics, result.parity, used)
    write_card(paths.card, facts, plan.card)
    return replace(result, model=paths.out, tensorrt=paths.tensorrt)


def _compare_with_card(
    card: Path, files: Mapping[str, Path], used: provenance.Provenance
) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether the bytes are those in the card, and the differences if not."""
    shipped, recorded = provenance.read_card(card)
    if not shipped:
        return None, ()
    if all(shipped.get(form, file_fingerprint(path)) == file_fingerprint(path) for form, path in files.items()):
        return True, ()
    return False, tuple(provenance.differences(recorded, used)) or ("the code of Whatsit: all else is as recorded",)
