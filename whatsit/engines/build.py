"""From a checkpoint to the files that serve: export, calibrate, quantise, compare, put in place, write the card."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from rich.console import Console
from rich.progress import Progress, TaskID
from whatsit_client.errors import WhatsitError

from whatsit.engines import parity, provenance
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.build_recipe import BuildRecipe, EngineRecipe, read_build_recipe
from whatsit.engines.calibration_pictures import CalibrationPictures, Pixels, read_batches, select_pictures
from whatsit.engines.checkpoint_file import write_checkpoint
from whatsit.engines.export import export_onnx
from whatsit.engines.fp16 import to_fp16
from whatsit.engines.layer_sensitivity import find_float_layers
from whatsit.engines.model_card import CardFacts, write_card
from whatsit.engines.quantise_cpu import prepare_float, quantise_cpu
from whatsit.engines.quantise_tensorrt import quantise_tensorrt
from whatsit.engines.step_cache import StepCache
from whatsit.engines.trained_networks import EngineNetwork, load_network, read_trained

CPU, GPU = "INT8, CPU", "INT8 + FP16, TensorRT"
_FORMS = {"int8": (CPU, GPU), "fp16": ("float32, CPU", "FP16, TensorRT")}


@dataclass(frozen=True)
class BuildResult:
    """What a build made.

    Args:
        model: the file for the CPU in its place.
        tensorrt: the file that TensorRT compiles, in its place.
        float_model: the float file in the work folder.
        card: the model card.
        parity: figures against float, of each form: `CPU` and `GPU`.
        identical: True where the bytes are those that the older card records, None where no card says so.
        differences: what was not as the older card records, where the bytes differ.
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

    They take their paths only after every tolerance of the recipe holds for both; a failed build leaves the old ones,
    and the old checkpoint. What an earlier build with the same provenance made is not made again.

    Args:
        paths: what to read and where to write.
        trained: `best.pt` of `whatsit train`: becomes the committed checkpoint first, and the build starts from that,
            so that the committed file always gives what ships.
        check: build, compare the bytes with what the card records, and leave everything as it is.
        bisect: where a tolerance is broken, find the layers that must stay in float.
        fresh: repeat every step.
        console: where progress goes; stderr by default.

    Raises:
        InvalidInput: recipe, checkpoint or pictures are not there or do not fit.
        WhatsitError: a form answers differently from float; the sentence names figure and, with `bisect`, layers.
    """
    plan = read_build_recipe(paths.recipe)
    cache = StepCache(paths.work, fresh or check)
    source = paths.checkpoint
    if not source.is_file():  # a variant without a training of its own, such as embedder-fp16
        source = source.with_name(f"{paths.engine}{source.suffix}")
    if trained is not None:
        source = paths.work / paths.checkpoint.name
        write_checkpoint(source, read_trained(paths.engine, trained))
    network = load_network(paths.engine, source)
    pictures = select_pictures(plan.engine.calibration, paths.data)
    used = provenance.collect_provenance(source, plan.engine, pictures.fingerprint)
    with Progress(console=console or Console(stderr=True), transient=True) as progress:
        pipeline = BuildPipeline(network, plan.engine, pictures, paths.work, cache, used, progress)
        cpu_form, gpu_form = _FORMS[plan.engine.precision]
        files = {cpu_form: pipeline.cpu(), gpu_form: pipeline.gpu()}
        figures = pipeline.compared(files)
        for form, values in figures.items():
            if missed := parity.missed_tolerances(values, plan.engine.tolerances):
                raise pipeline.refusal(form, files[form], values, missed, bisect)
    identical, differences = _against_card(paths.card, files, used)
    built = BuildResult(
        files[cpu_form], files[gpu_form], pipeline.exported(), paths.card, figures, identical, differences
    )
    return built if check else _placed(paths, built, source, plan, network, used)


@dataclass
class BuildPipeline:
    """The steps of one build; each result lies in the work folder.

    Args:
        network: the loaded checkpoint.
        recipe: the `engine:` section.
        pictures: of calibration and comparison.
        work: the folder.
        cache: results of earlier builds.
        used: versions and hashes, see `whatsit.engines.provenance`.
        progress: where progress shows.
    """

    network: EngineNetwork
    recipe: EngineRecipe
    pictures: CalibrationPictures
    work: Path
    cache: StepCache
    used: provenance.Provenance
    progress: Progress
    _task: TaskID | None = None
    _batches: tuple[list[Pixels], list[Pixels]] | None = None

    def exported(self) -> Path:
        """The float ONNX file."""
        path, network = self.work / "float.onnx", self.network

        def write() -> None:
            self._say("Exporting")
            export_onnx(network.module, path, network.size, network.outputs, compared=network.compared)

        made_from = {name: self.used[name] for name in ("checkpoint", "torch", "onnx", "processor")}
        return self.cache.build(path, made_from, write)

    def cpu(self, keep_float: tuple[str, ...] = (), name: str = "cpu.onnx") -> Path:
        """The file for ONNX Runtime on the CPU."""
        source, path = self.exported(), self.work / name
        kept = [*self.recipe.keep_float, *keep_float]

        def write() -> None:
            if self.recipe.precision == "fp16":
                shutil.copyfile(source, path)
                return
            progress = self._say("Quantising for the CPU")
            quantise_cpu(source, path, self.batches[0], keep_float=kept, ranges=self.recipe.ranges, progress=progress)

        return self.cache.build(path, {**self.used, "keep": repr(kept)}, write)

    def gpu(self, keep_float: tuple[str, ...] = (), name: str = "tensorrt.onnx") -> Path:
        """The file for TensorRT."""
        source, path, only = self.exported(), self.work / name, self.recipe.tensorrt
        kept = [*self.recipe.keep_float, *only.keep_float, *keep_float]

        def write() -> None:
            progress = self._say("Quantising for TensorRT")
            model = prepare_float(source)
            if self.recipe.precision == "int8":
                model = quantise_tensorrt(
                    model, self.batches[0], keep_float=kept, ranges=only.ranges, progress=progress
                )
            onnx.save(to_fp16(model, only.float32), path)

        return self.cache.build(path, {**self.used, "keep": repr(kept)}, write)

    def compared(self, files: dict[str, Path]) -> dict[str, dict[str, float]]:
        """Figures of each form against the float file, on the checking pictures."""
        self._say("Comparing with float")
        reference = parity.run_network(self.exported(), self.batches[1])
        return {
            form: parity.figures(reference, parity.run_network(path, self.batches[1], exact=_for_tensorrt(form)))
            for form, path in files.items()
        }

    def refusal(self, form: str, path: Path, values: dict[str, float], missed: list[str], bisect: bool) -> WhatsitError:
        """What is wrong with a form, and with `bisect` which layers to leave out."""
        name = missed[0]
        said = f"{name} is {values[name]:.4f}, the recipe wants {self.recipe.tolerances[name]:g}"
        if not bisect:
            return WhatsitError(
                f"{form} differs too much from float: {said}; --bisect finds the layers that must stay in float, "
                f"or calibrate with better pictures ({path} is kept for a look)."
            )
        self._say("Finding the layers")
        make = self.gpu if _for_tensorrt(form) else self.cpu

        def passes(keep: tuple[str, ...]) -> bool:
            figures = self.compared({form: make(keep, "bisect.onnx")})[form]
            self.cache.log(f"bisect: {len(keep)} layers in float: {figures}")
            return not parity.missed_tolerances(figures, self.recipe.tolerances)

        patterns = [*self.recipe.keep_float, *(self.recipe.tensorrt.keep_float if _for_tensorrt(form) else [])]
        layers = find_float_layers(prepare_float(self.exported()), *self.batches, patterns, passes)
        if layers is None:
            return WhatsitError(f"{form} differs too much from float: {said}, and no choice of layers mends it.")
        return WhatsitError(
            f"{form} differs too much from float: {said}; it holds with these in keep_float: {', '.join(layers)}."
        )

    @property
    def batches(self) -> tuple[list[Pixels], list[Pixels]]:
        """Calibrating and checking inputs, read once."""
        if self._batches is None:
            prepare = self.network.prepare
            chosen = (self.pictures.calibrating, self.pictures.checking)
            self._batches = (read_batches(chosen[0], prepare), read_batches(chosen[1], prepare))
        return self._batches

    def _say(self, what: str) -> Callable[[int, int], None]:
        """Name the step that is shown; returns what moves its bar."""
        if self._task is not None:
            self.progress.remove_task(self._task)
        task = self._task = self.progress.add_task(what, total=None)
        return lambda done, total: self.progress.update(task, completed=done, total=total)


def _placed(
    paths: BuildPaths,
    built: BuildResult,
    source: Path,
    plan: BuildRecipe,
    network: EngineNetwork,
    used: provenance.Provenance,
) -> BuildResult:
    """Put the files where they serve and write the card."""
    made_new = source.parent == paths.work
    kept = paths.checkpoint if made_new else source
    for made, place in ((built.model, paths.out), (built.tensorrt, paths.tensorrt), (source, kept)):
        if made != place:
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f"{place.name}.part")
            shutil.copyfile(made, part)
            part.replace(place)
    cpu_form, gpu_form = _FORMS[plan.engine.precision]
    files = {cpu_form: paths.out, gpu_form: paths.tensorrt, "float": built.float_model, "checkpoint": kept}
    facts = CardFacts(paths.engine, files, plan.engine, network.recipe, network.metrics, built.parity, used)
    write_card(paths.card, facts, plan.card)
    return replace(built, model=paths.out, tensorrt=paths.tensorrt)


def _against_card(
    card: Path, files: dict[str, Path], used: provenance.Provenance
) -> tuple[bool | None, tuple[str, ...]]:
    """Are these the bytes that the card records, and what was different if not."""
    shipped, recorded = provenance.read_card(card)
    if not shipped:
        return None, ()
    if all(shipped.get(form, provenance.file_hash(path)) == provenance.file_hash(path) for form, path in files.items()):
        return True, ()
    return False, tuple(provenance.differences(recorded, used)) or ("the code of Whatsit: all else is as recorded",)


def _for_tensorrt(form: str) -> bool:
    return form.endswith("TensorRT")
