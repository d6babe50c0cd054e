"""Step `training`: one epoch of the embedder on drawn pictures."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console

from perf.gpu.check import Check
from whatsit.training.common.loop import fit
from whatsit.training.embedder.recipe import EmbedderRecipe, Shares
from whatsit.training.embedder.task import EmbedderTask


def run(check: Check) -> None:
    """Train one epoch on a drawn data set from a random start."""
    classes, each, batch, size = (3, 4, 4, 32) if check.dry else (81, 32, 64, 224)
    folder, out = check.scratch / "training-data", check.scratch / "training-run"
    if not folder.exists():
        _draw(folder, classes, each, 64 if check.dry else 348)
    shutil.rmtree(out, ignore_errors=True)
    shares = Shares(photos=0.75, shop=0.25, clothing=0, scenes=0, rendered=0)
    settings = {"epochs": 1, "batch": batch, "size": size, "warmup_steps": 0, "shares": shares}
    recipe = EmbedderRecipe.model_validate({**settings, "dimension": 8 if check.dry else 128})
    task = EmbedderTask(recipe, folder, None)
    start = time.perf_counter()
    fit(task, recipe, out, console=Console(quiet=True))
    seconds = time.perf_counter() - start
    case = f"embedder, {size} px, batch {batch}"
    check.record(case, "epoch", seconds, "s", note=f"{task.steps_per_epoch} steps, validation included")
    check.record(case, "pictures", task.steps_per_epoch * batch / seconds, "1/s", note=f"{os.cpu_count()} CPU cores")


def _draw(folder: Path, classes: int, each: int, side: int) -> None:
    """Noise in a colour of its class: as costly to read as photos."""
    grocery, generator = folder / "grocery_store", np.random.default_rng(0)
    header = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)"
    rows = [f"{header},Iconic Image Path (str),Product Description Path (str)"]
    splits: dict[str, list[str]] = {"train": [], "val": []}
    for label in range(classes):
        colour = generator.integers(40, 216, 3)
        for split, count in (("train", each), ("val", 1)):
            for number in range(count):
                path = f"{split}/{label}-{number}.jpg"
                _write(grocery / path, colour, side, generator)
                splits[split].append(f"{path}, {label}, {label}")
        _write(grocery / f"shop/{label}.jpg", colour, side, generator)
        rows.append(f"Product {label},{label},Product {label},{label},/shop/{label}.jpg,/shop/{label}.txt")
    for split, lines in splits.items():
        (grocery / f"{split}.txt").write_text("\n".join(lines))
    (grocery / "classes.csv").write_text("\n".join(rows))


def _write(path: Path, colour: npt.NDArray[Any], side: int, generator: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = generator.integers(-40, 40, (side, side, 3))
    cv2.imwrite(str(path), np.clip(colour + noise, 0, 255).astype(np.uint8))
