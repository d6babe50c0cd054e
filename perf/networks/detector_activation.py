"""The detector with HardSwish or ReLU in place of SiLU, distilled from today's detector.

python -m perf.networks.detector_activation train HardSwish --work DIR --steps 400  # --seed 1 for another one
python -m perf.networks.detector_activation measure --work DIR  # quality of each run, and ms by engine in turns

The activations of the trained detector are exchanged, then all its weights learn for a few hundred steps what the
trained one gives on unlabelled pictures: its maps of the pyramid, its logits and its boxes. Quality is measured as in
`whatsit evaluate detector`: class-free, 20 boxes, IoU 0.5, on the 28 held-out scenes of coco128 and on drawn ones.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from perf.common.command import DATA, Data, run_command
from perf.common.setting import ROOT

FOLDERS = ("imagenet_sample", "grocery_store/train", "clothing_small/train", "coco128")
CHECKPOINT = ROOT / "build" / "checkpoints" / "detector.safetensors"
HELD_OUT = ROOT / "build" / "detector.heldout.txt"
SIZE, BATCH = 416, 8

app = typer.Typer(no_args_is_help=True)
Work = Annotated[Path, typer.Option(help="Folder of the runs; kept.")]
Activation = Literal["HardSwish", "ReLU"]


def exchanged(network: Any, activation: str) -> Any:
    """Return a copy of a network with another activation for each SiLU."""
    from torch import nn

    made = {"HardSwish": nn.Hardswish, "ReLU": nn.ReLU, "SiLU": nn.SiLU}[activation]
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.SiLU):
                setattr(module, name, made(inplace=True))
    return network


class Distillation:
    """What `whatsit.training.common.loop.fit` trains: a student that follows a teacher."""

    steps_per_epoch = 100

    def __init__(self, teacher: Any, activation: str, files: list[Path], steps: int, seed: int) -> None:
        self.teacher, self.module = teacher.eval(), exchanged(teacher, activation)
        self._files, self._steps, self._seed = files, steps, seed

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return one group: all weights."""
        return [{"params": [p.requires_grad_() for p in self.module.parameters()], "lr": 2e-4}]

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield pictures, uint8 [8,3,416,416]: scaled, moved, flipped, brighter or darker."""
        import torch

        for step in range(start, self.steps_per_epoch):
            rng = np.random.default_rng([self._seed, epoch, step])
            chosen = rng.choice(len(self._files), BATCH, replace=False)
            yield torch.from_numpy(np.stack([_view(self._files[n], rng) for n in chosen]))

    def loss(self, batch: Any) -> tuple[Any, dict[str, Any]]:
        """Return the distance of maps, logits and boxes."""
        import torch
        from torch.nn import functional as F

        def answer(network: Any) -> tuple[Any, Any]:
            levels = network.pyramid(network.backbone.stages(batch.float()))
            said = [head(level) for head, level in zip(network.heads, levels, strict=True)]
            return levels, [torch.cat(part, dim=1).float() for part in zip(*said, strict=True)]

        with torch.no_grad():
            known, (objects, classes, deltas) = answer(self.teacher)
        maps, (own_objects, own_classes, own_deltas) = answer(self.module)
        pairs = [(a.float(), b.float()) for a, b in zip(maps, known, strict=True)]
        feature = sum(((a - b) ** 2).mean() / (b**2).mean() for a, b in pairs) / len(pairs)
        weight = objects.sigmoid()
        total = weight.sum().clamp(min=1.0)
        excess = F.binary_cross_entropy_with_logits(own_objects, weight, reduction="sum") - F.binary_cross_entropy(
            weight, weight, reduction="sum"
        )
        kinds = F.binary_cross_entropy_with_logits(own_classes, classes.sigmoid(), reduction="none").sum(-1)
        boxes = F.smooth_l1_loss(own_deltas, deltas, reduction="none", beta=0.1).sum(-1)
        parts = {"maps": feature, "objects": excess / total, "boxes": 0.1 * (boxes * weight).sum() / total}
        loss = sum(parts.values()) + 0.1 * (kinds * weight).sum() / total
        return loss, {name: float(value.detach()) for name, value in parts.items()}

    def validate(self) -> dict[str, float]:
        """Return nothing: `measure` does."""
        return {}


def _view(file: Path, rng: np.random.Generator) -> Any:
    from whatsit.vision.decode import decode_image
    from whatsit.vision.letterbox import letterbox

    pixels = decode_image(file.read_bytes(), max_side=640).pixels
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    high, wide = (round(side * rng.uniform(0.6, 1.0)) for side in pixels.shape[:2])
    top, left = int(rng.integers(pixels.shape[0] - high + 1)), int(rng.integers(pixels.shape[1] - wide + 1))
    part = pixels[top : top + high, left : left + wide].astype(np.float32) * rng.uniform(0.6, 1.3)
    return letterbox(np.ascontiguousarray(part.clip(0, 255).astype(np.uint8)), SIZE)[0]


@app.command()
def train(
    activation: Annotated[Activation, typer.Argument(help="In place of SiLU.")],
    work: Work,
    data: Data = DATA,
    steps: Annotated[int, typer.Option(min=1, help="Of 8 pictures each.")] = 400,
    seed: Annotated[int, typer.Option(help="Of the run.")] = 0,
) -> None:
    """Distil a detector, or go on where it was stopped."""
    from whatsit.engines.trained_networks import load_network
    from whatsit.training.common.run_training import prepare, run_training
    from whatsit.training.common.training_recipe import TrainingRecipe

    held_out = frozenset(HELD_OUT.read_text(encoding="utf-8").split())
    files = [file for name in FOLDERS for file in sorted((data / name).rglob("*.jpg")) if file.name not in held_out]
    prepare(seed, threads=1)
    teacher = load_network("detector", CHECKPOINT).module.network
    out = work / f"{activation}-{seed}"
    recipe = TrainingRecipe.model_validate(
        {"seed": seed, "epochs": max(1, steps // 100), "ema_decay": 0.99, "validate_every": 1000, "warmup_steps": 20}
    )
    resume = (out / "last.pt").exists()
    run_training(Distillation(teacher, activation, files, steps, seed), recipe, out, resume=resume, max_steps=steps)


@app.command()
def measure(work: Work, data: Data = DATA, rounds: Annotated[int, typer.Option(help="Of each engine.")] = 30) -> None:
    """Measure recall, AP50 and CPU milliseconds of today's detector and of each run."""
    from whatsit.engines.export import export_onnx
    from whatsit.engines.onnx_runner import OnnxRunner
    from whatsit.engines.openvino_runner import OpenVinoRunner
    from whatsit.engines.trained_networks import load_network
    from whatsit.evaluation.reports import detector_report
    from whatsit.training.common import run_checkpoint as checkpoint

    held_out = frozenset(HELD_OUT.read_text(encoding="utf-8").split())
    files = {"today, INT8": ROOT / "model_repository" / "detector" / "1" / "model.onnx"}
    for run in ("SiLU", *sorted(file.parent.name for file in work.glob("*/best.pt"))):
        files[run] = work / f"{run}.onnx"
        if not files[run].exists():
            known = load_network("detector", CHECKPOINT)
            network = exchanged(known.module.network, run.split("-")[0])
            if run != "SiLU":
                network.load_state_dict(checkpoint.load(work / run / checkpoint.BEST)["module"])
            known.module.network = network.eval()
            export_onnx(known.module, files[run], known.size, known.outputs, batches=())
    runners = {name: OnnxRunner(file, 1) for name, file in files.items()}
    finders = {name: detector_report.detector_finder(runner.run) for name, runner in runners.items()}
    sets = {
        "coco128 held out": lambda: detector_report.coco_scenes(data, held_out),
        "rendered shop 2": lambda: detector_report.shop_scenes(),
    }
    for name, row in detector_report.compare(finders, sets).items():
        for finder, score in row.items():
            print(f"{name:18} {finder:14} recall {100 * score.recall:5.1f} large {100 * score.recall_big:5.1f} "
                  f"AP50 {100 * score.ap50:5.1f}", flush=True)  # fmt: skip
    subjects: dict[str, Any] = {f"ONNX Runtime, {name}": runner for name, runner in runners.items()}
    for name, file in files.items():
        subjects[f"OpenVINO f32, {name}"] = OpenVinoRunner(file, bf16=False)
        subjects[f"OpenVINO bf16, {name}"] = OpenVinoRunner(file, bf16=True)
    image = np.random.default_rng(0).integers(0, 256, (1, 3, SIZE, SIZE)).astype(np.uint8)
    spent: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            begin = time.process_time()
            subject.run({"images": image})
            spent[name].append(1000 * (time.process_time() - begin))
    for name, values in spent.items():
        print(f"{name:34} median {statistics.median(values):5.1f} least {min(values):5.1f} ms of CPU")


if __name__ == "__main__":
    run_command(app)
