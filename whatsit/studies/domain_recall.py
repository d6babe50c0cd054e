"""Study of embedders on retrieval domains, kept row by row in a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from whatsit_client.errors import InvalidInput

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.open_runner import open_runner
from whatsit.engines.trained_networks import read_trained
from whatsit.evaluation.datasets.retrieval_domains import RetrievalDomain
from whatsit.evaluation.reports.domain_report import DomainRow, MeasuredEmbedder, measure_domain
from whatsit.models.efficientnet_lite import EfficientNetLite
from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.models.mobilenet_v2 import pooled
from whatsit.pipeline.catalogue_views import mean_of_views
from whatsit.training.embedder.embed_batch import scaled

Image = npt.NDArray[np.uint8]
SHIPPED = Path("model_repository/embedder/1/model.onnx")
MOBILENET = "mobilenet_v2_1.0_224_float.onnx"
LITE2_SIZE = 256  # a multiple of 32 near its 260


def open_embedder(name: str, weights: Path, threads: int = 1) -> MeasuredEmbedder:
    """Open an embedder by name or file.

    Args:
        name: "shipped", "mobilenet_v2", "efficientnet_lite0", "efficientnet_lite2", a file, or LABEL=FILE.
        weights: the folder of the ImageNet MobileNetV2.
        threads: of ONNX Runtime.

    Raises:
        InvalidInput: there is no such file.
        Unavailable: the weights of an EfficientNet-Lite are not installed.
    """
    label, _, rest = name.rpartition("=")
    label, file = label or name, Path(rest)
    if name == "mobilenet_v2":
        runner = OnnxRunner(weights / MOBILENET, threads)
        return MeasuredEmbedder(name, CROP_SIZE, lambda crops: _f32(runner.run({"images": _scaled(crops)})))
    if name in ("efficientnet_lite0", "efficientnet_lite2"):
        network = EfficientNetLite(2 if name.endswith("2") else 0, pretrained=True).eval()
        size = LITE2_SIZE if name.endswith("2") else CROP_SIZE
        return MeasuredEmbedder(name, size, torch_embedding(lambda images: pooled(network(images))))
    file = SHIPPED if name == "shipped" else file
    if not file.is_file():
        raise InvalidInput(f"There is no network {file}: pass a file, or one of the names of --help.")
    if file.suffix in (".pt", ".safetensors"):
        own = trained_embedder(file)
        return MeasuredEmbedder(label, CROP_SIZE, torch_embedding(own))
    session = open_runner(file, threads)
    return MeasuredEmbedder(label, CROP_SIZE, lambda crops: _f32(session.run({"images": crops})))


def with_views(embedder: MeasuredEmbedder) -> MeasuredEmbedder:
    """Return an embedder whose gallery vectors are means of eight views."""

    def embed_gallery(crops: Image) -> npt.NDArray[np.float32]:
        return np.stack([mean_of_views(crop, embedder.embed) for crop in crops])

    return replace(embedder, name=f"{embedder.name}, views", embed_gallery=embed_gallery)


def trained_embedder(file: Path) -> Embedder:
    """Return the network of a run's checkpoint or of a committed one.

    Raises:
        Damaged: the file is no checkpoint of an embedder.
    """
    stored = read_trained("embedder", file)
    network = Embedder.from_recipe(stored.recipe)
    network.load_state_dict(
        {name.removeprefix("network."): torch.from_numpy(value) for name, value in stored.weights.items()}
    )
    return network.eval()


def measure_all(
    domains: Sequence[RetrievalDomain], embedders: Sequence[MeasuredEmbedder], table: Path | None, console: Console
) -> list[DomainRow]:
    """Measure each embedder on each domain; rows that the table has are read from it."""
    known = {(row.domain, row.network): row for row in _read(table)}
    rows = []
    for domain in domains:
        for embedder in embedders:
            row = known.get((domain.name, embedder.name))
            if row is None:
                row = measure_domain(domain, embedder)
                console.print(f"{row.domain:40} {row.network:20} R@1 {100 * row.recall_at_1:5.1f}")
                if table is not None:
                    _append(table, row)
            rows.append(row)
    return rows


def torch_embedding(network: Any) -> Any:
    """Return a function from pictures to vectors by a torch network.

    Pictures are uint8 [n, 3, s, s], the network's inputs f32 in -1..1, vectors f32 [n, d].
    """

    @torch.inference_mode()
    def embed(crops: Image) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = network(scaled(torch.from_numpy(crops))).numpy()
        return vectors

    return embed


def _scaled(crops: Image) -> npt.NDArray[np.float32]:
    return (crops.astype(np.float32) - 127.5) / 127.5


def _f32(outputs: dict[str, Any]) -> npt.NDArray[np.float32]:
    return np.asarray(outputs["embedding"], np.float32)


def _read(table: Path | None) -> Iterable[DomainRow]:
    if table is None or not table.exists():
        return []
    kinds = {"queries": int, "gallery": int, "domain": str, "network": str}
    with table.open(newline="", encoding="utf-8") as file:
        return [DomainRow(**{k: kinds.get(k, float)(v) for k, v in line.items()}) for line in csv.DictReader(file)]


def _append(table: Path, row: DomainRow) -> None:
    table.parent.mkdir(parents=True, exist_ok=True)
    new = not table.exists()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(DomainRow)], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in asdict(row).items()})
