from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

torch = pytest.importorskip("torch")

from whatsit.models.mobilenet_v2 import (  # noqa: E402 (after the skip)
    STAGE_CHANNELS,
    MobileNetV2,
    imagenet_head,
    pooled,
    with_middle,
)


def test_loaded_backbone_gives_the_outputs_of_its_onnx_file(shared_weights: Path) -> None:
    import onnxruntime

    path = shared_weights / "mobilenet_v2_1.0_224_float.onnx"
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    embedding, probs = session.run(["embedding", "probs"], {"images": images})
    with torch.no_grad():
        features = pooled(MobileNetV2(path)(torch.from_numpy(images)))
        own_probs = imagenet_head(path)(features).softmax(1)
    np.testing.assert_allclose(features.numpy(), embedding, atol=2e-3)
    np.testing.assert_allclose(own_probs.numpy(), probs, atol=1e-4)


def test_stages_come_by_stride_with_their_channels() -> None:
    with torch.no_grad():
        maps = MobileNetV2().stages(torch.zeros(1, 3, 96, 64))
    shapes = {s: tuple(m.shape) for s, m in maps.items()}
    assert shapes == {s: (1, c, 96 // s, 64 // s) for s, c in STAGE_CHANNELS.items()}


def test_freeze_holds_the_stem_and_the_first_blocks() -> None:
    network = MobileNetV2()
    network.freeze(3)
    frozen = [i for i, layer in enumerate(network.layers) if not any(p.requires_grad for p in layer.parameters())]
    assert frozen == [0, 1, 2, 3]
    network.freeze(-1)
    assert all(p.requires_grad for p in network.parameters())


def test_frozen_layers_give_the_same_in_training_as_in_evaluation() -> None:
    torch.manual_seed(0)
    network, images = MobileNetV2(), torch.rand(5, 3, 64, 64)
    network.freeze(5)
    trained, trained_maps = network.train()(images), network.train().stages(images)
    with torch.no_grad():
        torch.testing.assert_close(trained, network.eval()(images))
        for stride, features in network.stages(images).items():
            torch.testing.assert_close(trained_maps[stride], features)
    trained.sum().backward()
    assert network.layers[6].layers[0][0].weight.grad is not None
    assert network.layers[5].layers[0][0].weight.grad is None


def test_missing_or_foreign_weights_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--weights"):
        MobileNetV2(tmp_path / "nowhere.onnx")
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(b"not a network")
    with pytest.raises(Damaged, match="readable ONNX"):
        MobileNetV2(foreign)


def test_the_middle_map_joins_the_outputs_of_the_onnx_file(shared_weights: Path, tmp_path: Path) -> None:
    import onnxruntime

    path = shared_weights / "mobilenet_v2_1.0_224_float.onnx"
    images = np.random.default_rng(1).uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(with_middle(path, tmp_path / "seen" / "m.onnx")))
    embedding, middle = session.run(["embedding", "middle"], {"images": images})
    with torch.no_grad():
        final, own = MobileNetV2(path).look(torch.from_numpy(images))
    np.testing.assert_allclose(pooled(final).numpy(), embedding, atol=2e-3)
    np.testing.assert_allclose(own.numpy(), middle, atol=2e-3)
