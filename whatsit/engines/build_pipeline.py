"""Steps of a build: export, quantise, convert to FP16, compare."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
from rich.progress import Progress, TaskID
from whatsit_client.errors import WhatsitError

from whatsit.engines import parity
from whatsit.engines.build_recipe import EngineRecipe
from whatsit.engines.calibration_pictures import Pixels
from whatsit.engines.fp16 import to_fp16
from whatsit.engines.layer_sensitivity import find_float_layers
from whatsit.engines.onnx_graph import prepare_float
from whatsit.engines.provenance import Provenance
from whatsit.engines.quantise_cpu import quantise_cpu
from whatsit.engines.quantise_tensorrt import quantise_tensorrt
from whatsit.engines.step_cache import StepCache

CPU, GPU = "INT8, CPU", "INT8 + FP16, TensorRT"
FORMS = {"int8": (CPU, GPU), "fp16": ("float32, CPU", "FP16, TensorRT")}
"""Names of the CPU's and the GPU's form of a network for each `engine.precision`."""


@dataclass
class BuildPipeline:
    """The steps of one build; each result is a file in the work folder.

    Args:
        recipe: the `engine:` section.
        work: the folder.
        provenance: versions and hashes, see `whatsit.engines.provenance`.
        progress: progress display.
        export: writes the float ONNX file.
        read_pictures: returns calibrating and checking inputs, batches of uint8 [b,3,H,W].
        cache: results of earlier builds.
    """

    recipe: EngineRecipe
    work: Path
    provenance: Provenance
    progress: Progress
    export: Callable[[Path], object]
    read_pictures: Callable[[], tuple[list[Pixels], list[Pixels]]]
    cache: StepCache
    _task: TaskID | None = None

    def run(self) -> tuple[dict[str, Path], dict[str, dict[str, float]]]:
        """Make both forms and return their files and parity figures, by form."""
        files = dict(zip(FORMS[self.recipe.precision], (self.cpu_file(), self.gpu_file()), strict=True))
        return files, self.compare(files)

    def float_file(self) -> Path:
        """Export the float ONNX file."""
        path = self.work / "float.onnx"

        def write() -> None:
            self._show("Exporting")
            self.export(path)

        key = {name: self.provenance[name] for name in ("checkpoint", "torch", "onnx", "processor")}
        return self.cache.build(path, key, write)

    def cpu_file(self, keep_float: tuple[str, ...] = (), name: str = "cpu.onnx") -> Path:
        """Make the file for ONNX Runtime on the CPU."""
        source, path = self.float_file(), self.work / name
        kept = [*self.recipe.keep_float, *keep_float]

        def write() -> None:
            if self.recipe.precision == "fp16":
                shutil.copyfile(source, path)
                return
            progress = self._show("Quantising for the CPU")
            quantise_cpu(source, path, self.batches[0], keep_float=kept, ranges=self.recipe.ranges, progress=progress)

        return self.cache.build(path, {**self.provenance, "keep": repr(kept)}, write)

    def gpu_file(self, keep_float: tuple[str, ...] = (), name: str = "tensorrt.onnx") -> Path:
        """Make the file that TensorRT compiles."""
        source, path, options = self.float_file(), self.work / name, self.recipe.tensorrt
        kept = [*self.recipe.keep_float, *options.keep_float, *keep_float]

        def write() -> None:
            progress = self._show("Quantising for TensorRT")
            model = prepare_float(source)
            if self.recipe.precision == "int8":
                model = quantise_tensorrt(
                    model, self.batches[0], keep_float=kept, ranges=options.ranges, progress=progress
                )
            onnx.save(to_fp16(model, options.float32), path)

        return self.cache.build(path, {**self.provenance, "keep": repr(kept)}, write)

    def compare(self, files: Mapping[str, Path]) -> dict[str, dict[str, float]]:
        """Return the parity figures of each form against float."""
        self._show("Comparing with float")
        reference = parity.run_network(self.float_file(), self.batches[1])
        return {
            form: parity.figures(reference, parity.run_network(path, self.batches[1], exact=_for_tensorrt(form)))
            for form, path in files.items()
        }

    def find_float_layers(self, form: str) -> tuple[str, ...] | None:
        """Return the fewest layers that must stay in float; None if none suffice."""
        self._show("Finding the layers")
        make = self.gpu_file if _for_tensorrt(form) else self.cpu_file

        def passes(keep: tuple[str, ...]) -> bool:
            figures = self.compare({form: make(keep, "bisect.onnx")})[form]
            self.cache.log(f"bisect: {len(keep)} layers in float: {figures}")
            return not parity.missed_tolerances(figures, self.recipe.tolerances)

        patterns = [*self.recipe.keep_float, *(self.recipe.tensorrt.keep_float if _for_tensorrt(form) else [])]
        return find_float_layers(prepare_float(self.float_file()), *self.batches, patterns, passes)

    def check_tolerances(self, figures: Mapping[str, Mapping[str, float]], advice: Callable[[str], str]) -> None:
        """Raise if a parity figure is below the recipe's tolerance.

        Args:
            figures: of each form, see `compare`.
            advice: returns the end of the error message for a form.

        Raises:
            WhatsitError: the message names form, figure and tolerance.
        """
        for form, values in figures.items():
            if missed := parity.missed_tolerances(values, self.recipe.tolerances):
                name = missed[0]
                raise WhatsitError(
                    f"{form} differs too much from float: {name} is {values[name]:.4f}, the recipe wants "
                    f"{self.recipe.tolerances[name]:g}; {advice(form)}."
                )

    @cached_property
    def batches(self) -> tuple[list[Pixels], list[Pixels]]:
        """Calibrating and checking inputs, read on first use."""
        return self.read_pictures()

    def _show(self, step: str) -> Callable[[int, int], None]:
        """Show a step's name; return the function that moves its bar."""
        if self._task is not None:
            self.progress.remove_task(self._task)
        task = self._task = self.progress.add_task(step, total=None)
        return lambda done, total: self.progress.update(task, completed=done, total=total)


def replace_file(source: Path, target: Path) -> None:
    """Copy a file; readers of `target` see the old file or the complete new one."""
    if source == target:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    part.replace(target)


def _for_tensorrt(form: str) -> bool:
    return form.endswith("TensorRT")
