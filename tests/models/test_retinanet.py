import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.anchors import decode  # noqa: E402  # after importorskip
from whatsit.models.retinanet import DetectorForExport, RetinaNet, distinct  # noqa: E402


class Stages(torch.nn.Module):
    """A backbone of three pooled maps."""

    def stages(self, x):
        return {stride: torch.nn.functional.avg_pool2d(x, stride).repeat(1, 2, 1, 1) for stride in (4, 8, 16, 32)}


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = RetinaNet(Stages(), {8: 6, 16: 6, 32: 6}, classes=3, channels=8, depth=1).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network


def pictures(n):
    """Coarse blocks of random colour, so that scores differ from place to place."""
    blocks = torch.randint(0, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return blocks.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)


def test_heads_speak_of_every_anchor(network):
    output = network(torch.zeros(2, 3, 64, 64))
    count = 8 * 8 + 4 * 4 + 2 * 2 + 1
    assert output.objects.shape == (2, count)
    assert output.classes.shape == (2, count, 3)
    assert output.deltas.shape == (2, count, 4)
    assert output.anchors.shape == (count, 4)


def test_export_wrapper_gives_the_best_of_both_streams(network):
    images = pictures(2)
    with torch.no_grad():
        boxes, scores, labels = (t.numpy() for t in DetectorForExport(network, 64, top=30)(images))
        dense = network(images)
    assert boxes.shape == (2, 30, 4)
    assert labels.dtype == np.int32
    for i in range(2):
        everything = []
        placed = decode(dense.deltas[i], dense.anchors).clamp(0, 64).numpy()
        for row in range(len(placed)):
            best = int(dense.classes[i, row].argmax())
            everything.append((float(dense.objects[i, row].sigmoid()), 0, placed[row]))
            everything.append((float(dense.classes[i, row, best].sigmoid()), best + 1, placed[row]))
        everything.sort(key=lambda entry: -entry[0])
        np.testing.assert_allclose(scores[i], [entry[0] for entry in everything[:30]], atol=1e-6)
        np.testing.assert_array_equal(labels[i], [entry[1] for entry in everything[:30]])
        np.testing.assert_allclose(boxes[i], [entry[2] for entry in everything[:30]], atol=1e-3)


def test_onnx_keeps_the_contract(network, tmp_path):
    export = pytest.importorskip("whatsit.engines.export")
    from whatsit.engines.onnx_runner import OnnxRunner

    module = DetectorForExport(network, 64, top=20)
    export.export_onnx(module, tmp_path / "d.onnx", 64, ["boxes", "scores", "labels"], compared=["scores"])
    with OnnxRunner(tmp_path / "d.onnx") as runner:
        for n in (1, 3):
            got = runner.run({"images": pictures(n).numpy()})
            with torch.no_grad():
                boxes, scores, labels = (t.numpy() for t in module(pictures(n)))
            np.testing.assert_allclose(got["scores"], scores, atol=1e-5)
            alone = np.diff(scores, axis=1, prepend=2.0) < -1e-4  # rows that no rounding error can swap
            alone &= np.roll(alone, -1, axis=1)
            assert alone.sum() > n
            np.testing.assert_allclose(got["boxes"][alone], boxes[alone], atol=1e-2)
            np.testing.assert_array_equal(got["labels"][alone], labels[alone])
            assert got["labels"].dtype == np.int32


def test_of_boxes_that_nearly_coincide_only_the_best_goes_on():
    boxes = torch.tensor([[[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 5], [50, 50, 60, 60], [0, 0, 0, 0]]]).float()
    assert distinct(boxes, 0.7)[0].tolist() == [1, 0, 1, 1, 1]  # IoU 0.9, 0.5 and 0 with the first


def test_thinned_boxes_are_those_of_the_dense_output_without_the_doubles(network):
    images = pictures(2)
    with torch.no_grad():
        boxes, scores, labels = DetectorForExport(network, 64, top=20, candidates=40)(images)
        dense = network(images)
        for i in range(2):
            best, order = dense.objects[i].topk(40)
            placed = decode(dense.deltas[i], dense.anchors).clamp(0, 64)[order]
            kept = distinct(placed[None])[0].bool()
            assert 0 < kept.sum() < 40
            objects = labels[i] == 0
            wanted = best.sigmoid()[kept]
            torch.testing.assert_close(scores[i][objects], wanted[: objects.sum()])
            torch.testing.assert_close(boxes[i][objects], placed[kept][: objects.sum()])
