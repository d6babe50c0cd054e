from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.embedder import Embedder, EmbedderForExport  # noqa: E402 (after the skip)
from whatsit.models.resnet import MEAN, STD  # noqa: E402

SHIPPED = Path(__file__).resolve().parents[2] / "model_repository" / "embedder" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def network() -> Embedder:
    torch.manual_seed(0)
    return Embedder(dimension=16).eval()


def test_vectors_have_length_one_and_the_asked_dimension(network: Embedder) -> None:
    with torch.no_grad():
        vectors = network(torch.rand(3, 3, 64, 64) * 2 - 1)
    assert vectors.shape == (3, 16)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_export_form_takes_bytes_and_scales_them_itself(network: Embedder) -> None:
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        [vectors] = EmbedderForExport(network)(images)
        torch.testing.assert_close(vectors, network(images.float() / 127.5 - 1), atol=1e-4, rtol=1e-4)


def test_bf16_training_still_compares_angles_in_fp32(network: Embedder) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        vectors = network(torch.rand(1, 3, 64, 64))
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(1))


def test_principal_axes_start_the_head_and_keep_distances() -> None:
    features = torch.randn(60, 5) @ torch.randn(5, 1280)
    network = Embedder(dimension=8)
    network.start_head(features)
    with torch.no_grad():
        projected = network.head(features)
    torch.testing.assert_close(torch.cdist(projected, projected), torch.cdist(features, features), atol=0.2, rtol=1e-3)
    torch.testing.assert_close(projected.mean(0), torch.zeros(8), atol=1e-2, rtol=0)


def test_resnet50_takes_the_same_pictures() -> None:
    torch.manual_seed(0)
    network = Embedder.from_recipe({"dimension": 8, "backbone": "resnet50", "attention": "channel"}).eval()
    pixels = torch.randint(0, 256, (1, 3, 64, 64)).float()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        expected = network.backbone.stages((pixels - mean) / std)[32].mean((2, 3))
        features = network.features(pixels / 127.5 - 1)
        torch.testing.assert_close(features, expected, atol=1e-3, rtol=1e-3)
        assert network(pixels / 127.5 - 1).shape == (1, 8)


def test_shipped_file_keeps_the_tensor_contract() -> None:
    if not SHIPPED.is_file():
        pytest.skip("model_repository holds no embedder yet: whatsit build embedder")
    from whatsit.engines.onnx_runner import OnnxRunner

    with OnnxRunner(SHIPPED) as runner:
        assert [str(spec) for spec in runner.inputs] == ["images uint8[n,3,224,224]"]
        assert [str(spec) for spec in runner.outputs] == ["embedding float32[n,128]"]
        images = np.random.default_rng(0).integers(0, 256, (3, 3, 224, 224), dtype=np.uint8)
        vectors = runner.run({"images": images})["embedding"]
        alone = runner.run({"images": images[1:2]})["embedding"]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(vectors[1], alone[0], atol=1e-3)
    assert SHIPPED.stat().st_size < 10_000_000
