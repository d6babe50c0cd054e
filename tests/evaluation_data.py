"""The data sets of `whatsit evaluate` in small, drawn, and stand-ins for the networks that it compares with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

CLASSES = (
    ("Gala", "Apple", "Fruit"),
    ("Lemon", "Lemon", "Fruit"),
    ("Carrot", "Carrots", "Vegetables"),
    ("Oat-Milk", "Milk", "Packages"),
    ("Cream", "Sour-Cream", "Packages"),
    ("Apple-Juice", "Juice", "Packages"),
)
"""Name, coarse class and department of each product of the small grocery store."""
TRAIN, VAL = 8, 2
"""Photos of each product."""


@pytest.fixture(scope="session")
def evaluation_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with grocery_store, clothing_small, coco128 and imagenet_sample, laid out as the real ones."""
    folder = tmp_path_factory.mktemp("evaluation-data")
    _grocery(folder / "grocery_store")
    _clothing(folder / "clothing_small")
    _coco(folder / "coco128")
    _imagenet(folder / "imagenet_sample")
    return folder


@pytest.fixture(scope="session")
def evaluation_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with networks of the right names and shapes: colour means by random weights, and no boxes."""
    onnx = pytest.importorskip("onnx")
    folder, rng = tmp_path_factory.mktemp("weights"), np.random.default_rng(0)
    helper, tensor = onnx.helper, onnx.numpy_helper.from_array
    weights = [
        tensor(rng.normal(size=(3, 1280)).astype(np.float32), "to_embedding"),
        tensor(rng.normal(size=(3, 1001)).astype(np.float32), "to_classes"),
    ]
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "to_embedding"], ["embedding"]),
        helper.make_node("MatMul", ["flat", "to_classes"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"]),
    ]
    images, outputs = ["n", 3, 224, 224], {"embedding": ["n", 1280], "probs": ["n", 1001]}
    _save(onnx, folder / "mobilenet_v2_1.0_224_float.onnx", nodes, weights, images, outputs)
    empty = helper.make_node("Constant", [], ["output"], value=tensor(np.zeros((1, 3549, 85), np.float32), "zeros"))
    _save(onnx, folder / "yolox_nano.onnx", [empty], [], [1, 3, 416, 416], {"output": [1, 3549, 85]})
    return folder


def _save(
    onnx: Any, file: Path, nodes: list[Any], weights: list[Any], images: list[Any], outputs: dict[str, Any]
) -> None:
    def value(name: str, shape: list[Any]) -> Any:
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    graph = onnx.helper.make_graph(
        nodes, "stand_in", [value("images", images)], [value(*one) for one in outputs.items()], weights
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, file)


def _grocery(folder: Path) -> None:
    from whatsit.rendering.photo import photograph
    from whatsit.rendering.product import draw, make_products
    from whatsit.rendering.shop import catalogue_picture

    header = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)"
    classes = [f"{header},Iconic Image Path (str),Product Description Path (str)"]
    splits: dict[str, list[str]] = {"train": [], "val": []}
    for label, ((name, coarse, department), product) in enumerate(zip(CLASSES, make_products(6, 5), strict=True)):
        shop = f"iconic-images-and-descriptions/{department}/{coarse}/{name}_Iconic.jpg"
        _write(folder / shop, catalogue_picture(product))
        classes.append(f"{name},{label},{coarse},{label},/{shop},/{shop}.txt")
        for split, count in (("train", TRAIN), ("val", VAL)):
            for number in range(count):
                path = f"{split}/{department}/{coarse}/{name}/{name}_{number}.jpg"
                rng = np.random.default_rng([label, number, count])
                _write(folder / path, photograph(draw(product), rng, size=(224, 224), strength=0.2)[0])
                splits[split].append(f"{path}, {label}, {label}")
    (folder / "classes.csv").write_text("\n".join(classes))
    for split, lines in splits.items():
        (folder / f"{split}.txt").write_text("\n".join(lines))


def _clothing(folder: Path) -> None:
    rng = np.random.default_rng(3)
    for number, garment in enumerate(("dress", "hat")):
        for split, count in (("train", 3), ("validation", 2)):
            for index in range(count):
                picture = np.full((90, 70, 3), 60 + 120 * number, np.uint8) + rng.integers(0, 40, 3, dtype=np.uint8)
                _write(folder / split / garment / f"{index}.jpg", picture)


def _coco(folder: Path) -> None:
    for number in range(3):
        pixels = np.full((120, 160, 3), 230, np.uint8)
        pixels[30:90, 40:120] = (180, 40, 40)
        _write(folder / "images" / f"{number}.jpg", pixels)
        label = folder / "labels" / f"{number}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("39 0.5 0.5 0.5 0.5\n")


def _imagenet(folder: Path) -> None:
    _write(folder / "0000.jpg", np.full((40, 40, 3), (90, 140, 200), np.uint8))
    _write(folder / "0001.jpg", np.full((40, 40, 3), (200, 90, 60), np.uint8))
    blue, red = ((folder / name).read_bytes() for name in ("0000.jpg", "0001.jpg"))
    for number in range(1000):
        (folder / f"{number:04d}.jpg").write_bytes(red if number % 3 else blue)


def _write(path: Path, pixels: Any) -> None:
    from whatsit.rendering.shop import save_jpeg

    path.parent.mkdir(parents=True, exist_ok=True)
    save_jpeg(path, pixels)
