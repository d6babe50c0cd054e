"""A user's own network takes a slot when it keeps the contract, and is refused in one sentence when it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from torch import Tensor, nn  # noqa: E402  # only where torch is installed

from whatsit.engines.build_paths import BuildPaths  # noqa: E402
from whatsit.engines.build_pipeline import CPU, FORMS, GPU  # noqa: E402
from whatsit.engines.import_onnx import import_onnx  # noqa: E402
from whatsit.engines.onnx_runner import OnnxRunner  # noqa: E402
from whatsit.engines.tensor_contract import check_contract, probe_images  # noqa: E402

RECIPE = """
engine:
  keep_float: ["/nothing/of/this/network/*"]
  calibration: {pictures: ["*.jpg"], count: 16, checks: 16}
  tolerances: {embedding.cosine: 0.95}
"""


class Own(nn.Module):
    """An embedder of someone else: two convolutions, a head and a norm."""

    def __init__(self, dimension: int = 128, unit: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.unit = unit
        self.stem = nn.Conv2d(3, 8, 8, stride=8)
        self.conv = nn.Conv2d(8, 32, 3, stride=2)
        self.head = nn.Linear(32, dimension)

    def forward(self, images: Tensor) -> Tensor:
        x = nn.functional.relu(self.stem(images.float() / 127.5 - 1))
        x = self.head(nn.functional.relu(self.conv(x)).mean((2, 3)))
        return nn.functional.normalize(x) if self.unit else x


class Boxes(nn.Module):
    """A detector that answers what it is told to, whatever it sees."""

    def __init__(self, boxes: tuple[float, ...] = (10, 20, 300, 400), scores: str = "falling", labels: int = 1) -> None:
        super().__init__()
        steps = torch.linspace(0.9, 0.1, 100)
        chosen = {"falling": steps, "rising": steps.flip(0), "logits": 20 * steps - 10}[scores]
        self.register_buffer("boxes", torch.tensor(boxes, dtype=torch.float32).expand(1, 100, 4).clone())
        self.register_buffer("scores", chosen[None])
        self.register_buffer("labels", torch.full((1, 100), labels, dtype=torch.int32))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        zero = images.float().mean((1, 2, 3))[:, None] * 0
        return self.boxes + zero[:, None], self.scores + zero, self.labels + zero.to(torch.int32)


def export(
    module: nn.Module, path: Path, size: int = 224, names: tuple[str, ...] = ("embedding",), **changes: Any
) -> Path:
    dtype = changes.get("dtype", torch.uint8)
    axes = {name: {0: "n"} for name in ("images", *names)} if changes.get("dynamic", True) else None
    images = torch.zeros(2, 3, size, size, dtype=dtype)
    given = {"input_names": [changes.get("input", "images")], "output_names": list(names), "dynamic_axes": axes}
    torch.onnx.export(module.eval(), (images,), str(path), opset_version=17, dynamo=False, **given)
    return path


@pytest.fixture
def paths(tmp_path: Path) -> BuildPaths:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return replace(BuildPaths.of("embedder", tmp_path, tmp_path / "photos"), recipe=tmp_path / "recipe.yaml")


def test_an_embedder_takes_the_slot_in_float_and_fp16(paths: BuildPaths, tmp_path: Path) -> None:
    source = export(Own(), tmp_path / "own.onnx")
    paths.card.parent.mkdir(parents=True)
    figures = import_onnx(paths, source)
    assert tuple(figures) == FORMS["fp16"]
    assert figures["FP16, TensorRT"]["embedding.cosine"] > 0.999
    assert paths.out.read_bytes() == source.read_bytes()
    assert "FP16, TensorRT" in paths.card.read_text(encoding="utf-8")


def test_an_embedder_is_quantised_when_asked(paths: BuildPaths, tmp_path: Path) -> None:
    import cv2

    paths.data.mkdir()
    for index, picture in enumerate(probe_images(224, 40)):
        cv2.imwrite(str(paths.data / f"{index}.jpg"), np.roll(picture.transpose(1, 2, 0), 5 * index, axis=0))
    paths.card.parent.mkdir(parents=True)
    figures = import_onnx(paths, export(Own(), tmp_path / "own.onnx"), quantise=True)
    assert min(figures[form]["embedding.cosine"] for form in (CPU, GPU)) > 0.95
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(paths.out).graph.node}


@pytest.mark.parametrize(
    ("module", "changes", "sentence"),
    [
        (Own(), {"size": 192}, "224 x 224"),
        (Own(), {"dtype": torch.float32}, "uint8 pixels"),
        (Own(), {"dynamic": False}, "batch is fixed at 2"),
        (Own(), {"input": "pixels"}, "the slot gives `images` alone"),
        (Own(), {"names": ("vector",)}, r"needs embedding float32\[n,128\]"),
        (Own(dimension=64), {}, r"the slot needs \[3, 128\]"),
        (Own(unit=False), {}, "instead of 1; put the L2 norm"),
    ],
)
def test_embedders_that_do_not_fit(module: nn.Module, changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    path = export(module, tmp_path / "own.onnx", **changes)
    with pytest.raises(InvalidInput, match=sentence) as refused:
        check_contract("embedder", path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (Boxes(), ""),
        (Boxes(scores="rising"), "do not descend"),
        (Boxes(scores="logits"), "not 0 to 1; put the sigmoid"),
        (Boxes(boxes=(10, 20, 600, 700)), "outside the canvas"),
        (Boxes(boxes=(0.1, 0.1, 0.9, 0.9)), "shares of the canvas"),
        (Boxes(boxes=(50, 60, 10, 20)), "x1 <= x2"),
        (Boxes(labels=99), "labels reach to 99"),
    ],
)
def test_detectors(module: nn.Module, sentence: str, tmp_path: Path) -> None:
    path = export(module, tmp_path / "own.onnx", 416, ("boxes", "scores", "labels"))
    if not sentence:
        check_contract("detector", path)
        return
    with pytest.raises(InvalidInput, match=sentence):
        check_contract("detector", path)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no network file"):
        check_contract("embedder", tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(Damaged, match="cannot be loaded"):
        check_contract("embedder", tmp_path / "bad.onnx")
    with pytest.raises(InvalidInput, match="no slot"):
        check_contract("ranker", tmp_path / "bad.onnx")


@pytest.mark.parametrize("engine", ["embedder", "detector", "classifier"])
def test_what_ships_keeps_the_contract(engine: str) -> None:
    path = Path(__file__).resolve().parents[2] / "model_repository" / engine / "1" / "model.onnx"
    if not path.is_file():
        pytest.skip(f"{path} is not built; run `whatsit build {engine}`")
    check_contract(engine, path)


@pytest.mark.slow
def test_a_backbone_by_name(paths: BuildPaths, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
    from whatsit.engines.trained_networks import write_pretrained

    torch.manual_seed(0)
    config = transformers.ConvNextConfig(hidden_sizes=[8, 16, 32, 144], depths=[1, 1, 1, 1])
    transformers.ConvNextModel(config).save_pretrained(tmp_path / "tiny")
    write_pretrained(str(tmp_path / "tiny"), [probe_images(224, 140)], tmp_path / "own.onnx")
    paths.card.parent.mkdir(parents=True)
    figures = import_onnx(paths, tmp_path / "own.onnx", origin="tiny")
    assert figures["FP16, TensorRT"]["embedding.cosine"] > 0.999
    with OnnxRunner(paths.out) as runner:
        assert str(runner.outputs[0]) == "embedding float32[n,128]"
    with pytest.raises(InvalidInput, match="more than 128 pictures"):
        write_pretrained(str(tmp_path / "tiny"), [probe_images(224, 20)], tmp_path / "own.onnx")
    with pytest.raises(Unavailable, match="neither read nor fetched"):
        write_pretrained(str(tmp_path / "nothing"), [], tmp_path / "own.onnx")
