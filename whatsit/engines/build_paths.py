"""Paths that a build reads and writes, by the name of its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whatsit.engines.checkpoint_file import SUFFIX


@dataclass(frozen=True)
class BuildPaths:
    """The files of one build.

    Args:
        engine: embedder, detector or classifier.
        recipe: YAML file with an `engine:` section.
        checkpoint: the committed checkpoint, `.safetensors`.
        out: the INT8 file for the CPU, `model.onnx`.
        tensorrt: the file that TensorRT compiles, `tensorrt.onnx`.
        plan: the compiled engine, `model.plan`.
        card: the model card.
        data: the folder with the recipe's calibration pictures.
        work: folder of the float file, the build log and other intermediate files.
    """

    engine: str
    recipe: Path
    checkpoint: Path
    out: Path
    tensorrt: Path
    plan: Path
    card: Path
    data: Path
    work: Path

    @classmethod
    def of(cls, name: str, root: Path = Path(), data: Path = Path("../shared/data")) -> BuildPaths:
        """Return the default paths of a recipe `build/<name>.yaml`.

        The name begins with the engine's: "detector-resnet50" is a detector. Only the engine's own recipe writes into
        the model repository; the files of a variant stay in the work folder.
        """
        engine = name.partition("-")[0]
        work = root / "build" / "runs" / "engines" / name
        shipped = root / "model_repository" / engine / "1" if name == engine else work
        return cls(
            engine,
            root / "build" / f"{name}.yaml",
            root / "build" / "checkpoints" / f"{name}{SUFFIX}",
            shipped / "model.onnx",
            shipped / "tensorrt.onnx",
            shipped / "model.plan",
            root / "build" / f"{name}.card.md" if name == engine else work / "card.md",
            data,
            work,
        )
