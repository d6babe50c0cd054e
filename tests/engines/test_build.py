"""The whole build on a small network: files, card, parity gate, clear refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, WhatsitError

torch = pytest.importorskip("torch")

from whatsit.engines import build as module  # noqa: E402
from whatsit.engines import build_pipeline  # noqa: E402
from whatsit.engines import trained_networks as networks  # noqa: E402
from whatsit.engines.build import BuildResult, build, build_for_cpu  # noqa: E402
from whatsit.engines.build_paths import BuildPaths  # noqa: E402
from whatsit.engines.build_pipeline import CPU, GPU  # noqa: E402
from whatsit.engines.onnx_runner import OnnxRunner, file_fingerprint  # noqa: E402
from whatsit.engines.parity import figures, run_network  # noqa: E402
from whatsit.engines.trained_networks import EngineNetwork  # noqa: E402
from whatsit.vision.crop import crop_resize  # noqa: E402

RECIPE = """
training: {epochs: 1}
engine:
  keep_float: ["/head/*"]
  calibration: {pictures: ["photos/*.jpg"], count: 8, checks: 8}
  tolerances: {embedding.cosine: LEAST}
card:
  summary: A small network for the tests.
  limits: [knows nothing]
"""


class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=4)
        self.conv = torch.nn.Conv2d(8, 16, 1)
        self.head = torch.nn.Linear(16, 8)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        x = torch.nn.functional.relu6(self.stem((images.float() - 127.5) / 127.5))
        x = torch.nn.functional.relu6(self.conv(x))
        return (torch.nn.functional.normalize(self.head(x.mean((2, 3)))),)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def load(weights: dict[str, torch.Tensor], recipe: dict[str, object]) -> EngineNetwork:
        network = Small()
        network.load_state_dict(weights)
        return EngineNetwork(network, 32, ("embedding",), lambda pixels: crop_resize(pixels, None, 32), recipe)

    monkeypatch.setitem(networks.ENGINES, "small", load)
    torch.manual_seed(1)
    content = {"module": Small().state_dict(), "recipe": {"epochs": 1}, "metrics": {"val_r1": 0.5}}
    torch.save(content, tmp_path / "best.pt")
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for index in range(20):
        small = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / f"{index}.jpg"), cv2.resize(small, (64, 48)))
    return tmp_path


def paths(place: Path, recipe: str = RECIPE, least: str = "0.9", engine: str = "small") -> BuildPaths:
    (place / "recipe.yaml").write_text(recipe.replace("LEAST", least), encoding="utf-8")
    checkpoint = place / "small.safetensors"
    model, card = place / "model" / "model.onnx", place / "card.md"
    files = (model, model.with_name("tensorrt.onnx"), model.with_name("model.plan"))
    return BuildPaths(engine, place / "recipe.yaml", checkpoint, *files, card, place, place / "work")


def run(place: Path, least: str = "0.9", **changes: str) -> BuildResult:
    trained = place / changes.get("checkpoint", "best.pt")
    found = paths(place, least=least, engine=changes.get("engine", "small"))
    return build(found, trained=trained)


def test_builds_the_same_file_again_with_its_card(place: Path) -> None:
    built = run(place)
    first = file_fingerprint(built.model)
    assert built.identical is None
    assert set(built.parity) == {CPU, GPU}
    assert all(figures["embedding.cosine"] > 0.99 for figures in built.parity.values())
    with OnnxRunner(built.model) as runner:
        assert str(runner.inputs[0]) == "images uint8[n,3,32,32]"
    card = built.card.read_text(encoding="utf-8")
    parts = ("A small network", "knows nothing", "val_r1", "onnxruntime", torch.__version__.split("+")[0])
    files = (built.model, built.tensorrt, built.float_model, place / "small.safetensors")
    for part in (*(file_fingerprint(file) for file in files), *parts):
        assert part in card
    (place / "best.pt").unlink()  # from here on the committed checkpoint is enough
    again = build(replace(paths(place), work=place / "elsewhere"))
    assert again.identical
    assert file_fingerprint(again.model) == first
    assert built.card.read_text(encoding="utf-8") == card
    assert not list(built.model.parent.glob("*.part"))


def test_other_bytes_are_explained(place: Path) -> None:
    before = file_fingerprint(run(place).model)
    card = place / "card.md"
    card.write_text(card.read_text(encoding="utf-8").replace("| onnxruntime | ", "| onnxruntime | 0.1-"))
    other = cv2.imread(str(place / "photos" / "3.jpg"))
    for photo in (place / "photos").glob("*.jpg"):
        cv2.imwrite(str(photo), 255 - other)
    result = build(paths(place), check=True)
    assert result.identical is False
    assert [line.partition(":")[0] for line in result.differences] == ["calibration pictures", "onnxruntime"]
    assert "0.1-" in result.differences[1]
    assert file_fingerprint(place / "model" / "model.onnx") == before  # --check changes nothing
    assert "0.1-" in card.read_text(encoding="utf-8")


def test_a_broken_tolerance_leaves_the_old_file(place: Path) -> None:
    before = file_fingerprint(run(place).model)
    committed = file_fingerprint(place / "small.safetensors")
    torch.manual_seed(9)
    torch.save({"module": Small().state_dict(), "recipe": {}}, place / "other.pt")
    with pytest.raises(WhatsitError, match=r"embedding\.cosine is \d\.\d+, the recipe wants 1\.1"):
        run(place, least="1.1", checkpoint="other.pt")
    assert file_fingerprint(place / "model" / "model.onnx") == before
    assert file_fingerprint(place / "small.safetensors") == committed


def test_bisect_names_the_layers_or_says_that_none_suffice(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WhatsitError, match="the recipe wants 1.1; no choice of layers is enough"):
        build(paths(place, least="1.1"), trained=place / "best.pt", bisect=True)

    def found(model: object, calibrating: object, checking: object, patterns: list[str], passes: Any) -> tuple[str]:
        assert patterns == ["/head/*"]
        assert not passes(())
        return ("/conv/Conv",)

    monkeypatch.setattr(build_pipeline, "find_float_layers", found)
    with pytest.raises(WhatsitError, match="it passes with these in keep_float: /conv/Conv"):
        build(paths(place, least="1.1"), trained=place / "best.pt", bisect=True)


def test_fp16_stays_float_on_the_cpu(place: Path) -> None:
    at = paths(place, RECIPE.replace("engine:\n", "engine:\n  precision: fp16\n"), least="0.999")
    built = build(at, trained=place / "best.pt")
    assert built.model.read_bytes() == built.float_model.read_bytes()
    assert set(built.parity) == {"float32, CPU", "FP16, TensorRT"}
    variant = replace(at, checkpoint=at.checkpoint.with_name("small-fp16.safetensors"), work=place / "variant")
    assert build(variant).identical  # the engine's own checkpoint serves a variant that has none
    assert not variant.checkpoint.exists()


def test_the_gate_catches_a_calibration_with_noise(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    steep = Small()  # without biases, and with steep weights: its answers hang on the ranges alone
    with torch.no_grad():
        for layer in (steep.stem, steep.conv, steep.head):
            layer.weight *= 3
            layer.bias.zero_()
    torch.save({"module": steep.state_dict(), "recipe": {}}, place / "best.pt")
    assert min(values["embedding.cosine"] for values in run(place, least="0.98").parity.values()) > 0.98
    (place / "model" / "model.onnx").unlink()
    rng = np.random.default_rng(5)
    noise = tuple(place / f"noise{index}.png" for index in range(8))
    for path in noise:  # faint: the ranges of real pictures are many times wider
        cv2.imwrite(str(path), rng.integers(120, 136, (48, 64, 3)).astype(np.uint8))
    real = module.select_pictures
    monkeypatch.setattr(module, "select_pictures", lambda *given: replace(real(*given), calibrating=noise))
    with pytest.raises(WhatsitError, match=r"embedding\.\w+ is 0\.\d+, the recipe wants 0\.9[58]") as refused:
        run(place, least="0.98")
    assert "--bisect" in str(refused.value)
    assert not (place / "model" / "model.onnx").exists()


def test_noise_as_network_is_visible_in_parity(place: Path) -> None:
    built = run(place)
    torch.manual_seed(9)
    torch.save({"module": Small().state_dict(), "recipe": {}}, place / "other.pt")
    at = paths(place)
    other = replace(at, out=place / "o.onnx", tensorrt=place / "t.onnx", card=place / "o.md", work=place / "o")
    build(other, trained=place / "other.pt")
    images = np.random.default_rng(3).integers(0, 256, (8, 3, 32, 32)).astype(np.uint8)
    ours, others = run_network(built.model, [images]), run_network(place / "o.onnx", [images])
    assert figures(ours, others)["embedding.cosine"] < 0.9


def test_refusals(place: Path) -> None:
    with pytest.raises(InvalidInput, match="choose one of embedder"):
        run(place, engine="nothing")
    with pytest.raises(InvalidInput, match="whatsit train small"):
        run(place, checkpoint="none.pt")
    with pytest.raises(InvalidInput, match=r"no checkpoint .*small\.safetensors"):
        build(paths(place))
    (place / "bad.pt").write_bytes(b"no checkpoint")
    with pytest.raises(Damaged, match="not a checkpoint of the small"):
        run(place, checkpoint="bad.pt")
    for photo in (place / "photos").glob("*"):
        photo.unlink()
    with pytest.raises(InvalidInput, match=r"No pictures match photos/\*\.jpg"):
        run(place)


def test_the_file_for_the_cpu_alone_is_the_one_of_the_whole_build(place: Path) -> None:
    """Studies of many networks build no other form, and change neither card nor checkpoint."""
    whole = file_fingerprint(run(place).model)
    own = replace(paths(place), out=place / "alone" / "model.onnx", work=place / "alone" / "work")
    build_for_cpu(own, place / "best.pt")
    assert file_fingerprint(own.out) == whole
    assert not (place / "alone" / "card.md").exists()
