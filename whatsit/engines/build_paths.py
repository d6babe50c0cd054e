"""Paths that a build reads and writes, by the name of its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whatsit.engines.checkpoint_file import SUFFIX
from whatsit.engines.repository import default_root, plan_file

SCAN = "scan"
"""The engine whose files phones and browsers run; they lie beside the mobile client."""


@dataclass(frozen=True)
class BuildPaths:
    """The files of one build.

    Args:
        engine: embedder, detector, classifier or scan.
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
    def of(cls, name: str, root: Path | None = None, data: Path = Path("../shared/data")) -> BuildPaths:
        """Return the default paths of a recipe `build/<name>.yaml`.

        The name begins with the engine's: "detector-resnet50" is a detector. Only the engine's own recipe writes into
        the model repository; the files of a variant stay in the work folder. Without a checkout, recipes and networks
        are read from the installation, and everything is written to `build/runs/` of the working folder and to the
        cache folder.

        Args:
            name: of the recipe.
            root: a checkout; None for the working folder, or else the installation.
            data: the folder with the recipe's calibration pictures.
        """
        engine = name.partition("-")[0]
        installed = root is None and not Path("build", f"{name}.yaml").is_file()
        work = (root or Path()) / "build" / "runs" / "engines" / name
        root = default_root() if installed else root or Path()
        networks = root / "model_repository"
        shipped = (
            work if name != engine else root / "client/mobile/models" if engine == SCAN else networks / engine / "1"
        )
        return cls(
            engine,
            root / "build" / f"{name}.yaml",
            root / "build" / "checkpoints" / f"{name}{SUFFIX}",
            (work if installed else shipped) / ("scan.onnx" if engine == SCAN else "model.onnx"),
            shipped / "tensorrt.onnx",
            plan_file(networks, engine, new=True) if name == engine else work / "model.plan",
            root / "build" / f"{name}.card.md" if name == engine and not installed else work / "card.md",
            data,
            work,
        )
