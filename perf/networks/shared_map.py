"""Embeddings of all regions from one shared map, beside the embedder of crops.

python -m perf.networks.shared_map prepare --work DIR                    # regions and crop vectors of training pictures
python -m perf.networks.shared_map train --work DIR --steps 300          # distils the region embedder
python -m perf.networks.shared_map measure --work DIR                    # R@1 of grocery val by both, and ms in turn
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, Data, run_command

CANVAS, REGIONS = 416, 8
FOLDERS = (
    "grocery_store/train",
    "grocery_store/iconic-images-and-descriptions",
    "clothing_small/train",
    "imagenet_sample",
)
START = "mobilenet_v2_1.0_224_float.onnx"

app = typer.Typer(no_args_is_help=True)
Work = Annotated[Path, typer.Option(help="Folder of pictures, vectors and runs; kept.")]
Weights = Annotated[Path, typer.Option(help="Folder of the ImageNet MobileNetV2.")]


@app.command()
def prepare(
    work: Work, data: Data = DATA, limit: Annotated[int, typer.Option(help="Pictures of each folder.")] = 10_000
) -> None:
    """Describe training pictures and keep canvases, boxes and vectors; what is there stays."""
    from rich.progress import track

    from whatsit.pipeline.networks import Networks

    work.mkdir(parents=True, exist_ok=True)
    with Networks() as networks:
        for folder in FOLDERS:
            file = work / f"{folder.replace('/', '-')}.npz"
            if not file.exists():
                paths = sorted((data / folder).rglob("*.jp*g"))[:limit]
                rows = [_described(path, networks) for path in track(paths, folder)]
                canvas, boxes, vectors, there = (np.stack(part) for part in zip(*rows, strict=True))
                np.savez(file.with_suffix(".part.npz"), canvas=canvas, boxes=boxes, vectors=vectors, there=there)
                file.with_suffix(".part.npz").replace(file)


@app.command()
def train(
    work: Work,
    weights: Weights = DATA.parent / "weights",
    start: Annotated[Path | None, typer.Option(help="Checkpoint of an embedder whose backbone is taken.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of 12 pictures each.")] = 300,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of this seed.")] = False,
    seed: Annotated[int, typer.Option(help="Of the run.")] = 0,
) -> None:
    """Distil the region embedder."""
    from whatsit.training.common.run_training import prepare as seeded
    from whatsit.training.common.run_training import run_training
    from whatsit.training.common.training_recipe import TrainingRecipe

    seeded(seed, threads=1)
    recipe = TrainingRecipe.model_validate({"seed": seed, "epochs": 1000, "ema_decay": 0.99, "validate_every": 1000})
    task = _Task(_network(weights, start), work, seed)
    run_training(task, recipe, work / f"run-{seed}", resume=resume, max_steps=steps)


@app.command()
def measure(
    work: Work,
    data: Data = DATA,
    weights: Weights = DATA.parent / "weights",
    seed: Annotated[int, typer.Option(help="Of the run.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Val photos, evenly spread.")] = None,
) -> None:
    """Search grocery val photos among the shop images by both; the best region counts."""
    import torch

    from whatsit.evaluation.datasets.grocery import GroceryStore, evenly_spread
    from whatsit.pipeline.networks import Networks
    from whatsit.training.common import run_checkpoint as checkpoint

    torch.set_num_threads(1)
    network = _network(weights, None)
    network.load_state_dict(checkpoint.load(work / f"run-{seed}" / checkpoint.BEST)["module"])
    network.eval()
    store = GroceryStore(data / "grocery_store")
    pairs = evenly_spread(list(zip(store.queries(), store.truth(), strict=True)), limit)
    with Networks() as networks:
        shop = [_described(c.image, networks) for c in store.gallery()]
        gallery = np.stack([vectors[0] for _, _, vectors, _ in shop])
        own = np.stack([_embedded(network, canvas, boxes)[0] for canvas, boxes, _, _ in shop])
        right = {"crops": 0, "shared map, crops' gallery": 0, "shared map, own gallery": 0}
        cosine, spent = [], {"crops": [0.0], "shared map": [0.0]}
        for path, label in pairs:
            canvas, boxes, vectors, there = _described(path, networks)
            begin = time.process_time()
            found = _embedded(network, canvas, boxes[: there.sum()])
            spent["shared map"].append(time.process_time() - begin)
            crops = np.zeros((int(there.sum()), 3, 224, 224), np.uint8)
            begin = time.process_time()
            networks.embedder(crops)
            spent["crops"].append(time.process_time() - begin)
            wanted = vectors[: there.sum()]
            cosine.append(float((found * wanted).sum(1).mean()))
            for name, rows, known in (
                ("crops", wanted, gallery),
                ("shared map, crops' gallery", found, gallery),
                ("shared map, own gallery", found, own),
            ):
                right[name] += int((rows @ known.T).max(axis=0).argmax() == label)
    for name, count in right.items():
        print(f"{name:28} R@1 {100 * count / len(pairs):.1f} of {len(pairs)} photos")
    print(f"mean cosine of a region's two vectors {np.mean(cosine):.3f}")
    print("CPU time of a picture: the shared map in float by torch, the crops in INT8 as shipped; one thread")
    for name, seconds in spent.items():
        print(f"{name:12} median {1000 * float(np.median(seconds[1:])):.1f} ms")


def _described(path: Path, networks: Any) -> tuple[Any, Any, Any, Any]:
    """Return canvas uint8 [3,S,S], boxes f32 [R,4] on it, vectors f32 [R,128], and which are there."""
    from whatsit.pipeline.picture_description import describe
    from whatsit.pipeline.region_selection import RegionOptions
    from whatsit.vision.letterbox import letterbox

    found = describe(path.read_bytes(), RegionOptions(), networks)
    canvas, scale = letterbox(found.picture.pixels, CANVAS)
    count = min(REGIONS, len(found.embeddings))
    boxes, vectors = np.zeros((REGIONS, 4), np.float32), np.zeros((REGIONS, 128), np.float32)
    boxes[:, 2:] = CANVAS
    boxes[:count] = found.regions.boxes[:count] * (scale * found.picture.scale)
    vectors[:count] = found.embeddings[:count]
    return canvas, boxes, vectors, np.arange(REGIONS) < count


def _embedded(network: Any, canvas: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]) -> Any:
    import torch

    with torch.inference_mode():
        return network(torch.from_numpy(canvas[None]), torch.from_numpy(boxes[None]))[0].numpy()


def _network(weights: Path, start: Path | None) -> Any:
    from whatsit.models.mobilenet_v2 import STAGE_CHANNELS, MobileNetV2
    from whatsit.models.region_embedder import RegionEmbedder
    from whatsit.studies.domain_recall import trained_embedder

    backbone = trained_embedder(start).backbone if start else MobileNetV2(weights / START)
    return RegionEmbedder(backbone, STAGE_CHANNELS)


class _Task:
    """Distillation as a task of `whatsit.training.common.loop.fit`."""

    steps_per_epoch = 200
    batch = 12

    def __init__(self, network: Any, work: Path, seed: int) -> None:
        self.module, self._seed = network, seed
        network.backbone.freeze(3)
        self._parts = [np.load(work / f"{folder.replace('/', '-')}.npz") for folder in FOLDERS]
        self._parts = [{name: part[name] for name in part.files} for part in self._parts]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return two groups: the backbone, and the rest."""
        backbone = [p for p in self.module.backbone.parameters() if p.requires_grad]
        rest = [p for name, p in self.module.named_parameters() if not name.startswith("backbone.")]
        return [{"params": backbone, "lr": 3e-4}, {"params": rest, "lr": 2e-3}]

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield canvases, boxes moved by up to 4 %, vectors, and which are there."""
        import torch

        for step in range(start, self.steps_per_epoch):
            rng = np.random.default_rng([self._seed, epoch, step])
            rows = []
            for _ in range(self.batch):
                part = self._parts[int(rng.integers(len(self._parts)))]
                k = int(rng.integers(len(part["canvas"])))
                rows.append(tuple(part[name][k] for name in ("canvas", "boxes", "vectors", "there")))
            canvas, boxes, vectors, there = (np.stack(part) for part in zip(*rows, strict=True))
            side = (boxes[..., 2:] - boxes[..., :2]).repeat(2, axis=-1)
            boxes = (boxes + side * rng.uniform(-0.04, 0.04, boxes.shape)).astype(np.float32)
            yield tuple(torch.from_numpy(part) for part in (canvas, boxes, vectors, there))

    def loss(self, batch: Any) -> tuple[Any, dict[str, float]]:
        """Return the distillation loss."""
        from whatsit.models.region_embedder import distillation_loss

        canvas, boxes, vectors, there = batch
        return distillation_loss(self.module(canvas, boxes), vectors, there), {}

    def validate(self) -> dict[str, float]:
        """Return nothing: `measure` does."""
        return {}


if __name__ == "__main__":
    run_command(app)
