import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit_client.errors import Damaged  # noqa: E402  # after importorskip

from whatsit.models.anchors import decode  # noqa: E402
from whatsit.models.csp_detector import CspDetector  # noqa: E402
from whatsit.models.yolox import decode_yolox  # noqa: E402


@pytest.mark.slow
def test_starts_as_yolox_nano(shared_weights):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = shared_weights / "yolox_nano.onnx"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(1, 3, 13, 13), dtype=np.uint8).repeat(32, axis=2).repeat(32, axis=3)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (raw,) = session.run(None, {"images": images[:, ::-1].astype(np.float32)})
    boxes, _ = decode_yolox(raw[0], 416)
    with torch.no_grad():
        dense = CspDetector(path).eval()(torch.from_numpy(images))
        placed = decode(dense.deltas[0], dense.anchors)
    # Processors round convolutions differently: single corners may be off by hundredths of a pixel, the mean may not.
    np.testing.assert_allclose(placed.numpy(), boxes, rtol=0, atol=0.05)
    assert np.abs(placed.numpy() - boxes).mean() < 1e-3
    np.testing.assert_allclose(dense.objects[0].sigmoid().numpy(), raw[0, :, 4], atol=1e-5)
    assert raw[0, :, 4].max() > 0.02


def test_heads_speak_of_every_cell_of_any_canvas():
    with torch.no_grad():
        output = CspDetector().eval()(torch.zeros(2, 3, 64, 64, dtype=torch.uint8))
    count = 8 * 8 + 4 * 4 + 2 * 2
    assert output.objects.shape == (2, count)
    assert output.classes.shape == (2, count, 23)
    assert output.deltas.shape == (2, count, 4)
    assert output.anchors.shape == (count, 4)
    np.testing.assert_allclose(output.anchors[65], [16 - 8, -8, 16 + 8, 8])


def test_frozen_blocks_give_the_same_in_training_as_in_evaluation():
    torch.manual_seed(0)
    network, images = CspDetector(), torch.rand(3, 3, 64, 64) * 255
    network.backbone.freeze(2)
    trained = network.train().backbone.stages(images)
    with torch.no_grad():
        for stride, features in network.eval().backbone.stages(images).items():
            torch.testing.assert_close(trained[stride], features)
    trained[32].sum().backward()
    assert network.backbone.blocks[2][0][0][0].weight.grad is None
    assert network.backbone.blocks[3][0][0][0].weight.grad is not None


def test_weights_of_another_network_are_refused(shared_weights):
    with pytest.raises(Damaged, match="YOLOX"):
        CspDetector(shared_weights / "mobilenet_v2_1.0_224_float.onnx")
