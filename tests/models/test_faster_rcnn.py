"""Faster R-CNN: RoIAlign, proposals, the loss of both stages, and the exported contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from whatsit.models.faster_rcnn import FasterRcnn, FasterRcnnForExport
from whatsit.models.roi_align import roi_align
from whatsit.training.detector.losses.detection_loss import BoxTargets
from whatsit.training.detector.losses.two_stage_loss import two_stage_loss


class Stages(torch.nn.Module):
    """A backbone of pooled maps."""

    def stages(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        """Return a map for each stride."""
        return {stride: torch.nn.functional.avg_pool2d(x, stride).repeat(1, 2, 1, 1) for stride in (4, 8, 16, 32)}


@pytest.fixture
def network() -> FasterRcnn:
    """Return a small network with random weights."""
    torch.manual_seed(0)
    network = FasterRcnn(Stages(), {8: 6, 16: 6, 32: 6}, classes=3, channels=8, width=16).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network


def test_roi_align_reads_a_ramp_where_the_box_lies() -> None:
    """On maps that hold their own coordinates the samples are the middles of the bins, on every level."""
    boxes = torch.tensor([[[8.0, 16.0, 64.0, 72.0], [32.0, 32.0, 256.0, 256.0], [16.0, 64.0, 208.0, 256.0]]])
    levels = []
    for stride in (8, 16, 32):
        centres = (torch.arange(320 // stride) + 0.5) * stride
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        levels.append(torch.stack([x, y])[None])
    read = roi_align(levels, (8, 16, 32), boxes, 4)
    assert read.shape == (1, 3, 2, 4, 4)
    for k, (x1, y1, x2, y2) in enumerate(boxes[0].tolist()):
        middles = (torch.arange(4) + 0.5) / 4
        torch.testing.assert_close(read[0, k, 0, 0], x1 + middles * (x2 - x1), atol=1e-2, rtol=0)
        torch.testing.assert_close(read[0, k, 1, :, 0], y1 + middles * (y2 - y1), atol=1e-2, rtol=0)


def test_true_boxes_are_seen_in_training(network: FasterRcnn) -> None:
    """They stand before the proposals, whose number stays."""
    images, known = torch.rand(2, 3, 64, 64) * 255, [torch.tensor([[4.0, 4.0, 40.0, 44.0]]), torch.zeros(0, 4)]
    with torch.no_grad():
        without, found = network(images), network(images, known)
    assert found.boxes.shape == without.boxes.shape
    assert found.boxes[0, 0].tolist() == known[0][0].tolist()
    torch.testing.assert_close(found.boxes[1], without.boxes[1])


def test_the_loss_falls_by_training(network: FasterRcnn) -> None:
    """A few steps on one picture lower both stages' losses; empty pictures do no harm."""
    torch.manual_seed(1)
    network.train()
    images = torch.rand(2, 3, 64, 64) * 255
    truth = BoxTargets(torch.tensor([[4.0, 4.0, 40.0, 44.0]]), torch.tensor([2]), torch.zeros(0, 4))
    empty = BoxTargets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.tensor([[50.0, 50.0, 60.0, 60.0]]))
    sizes = [h * w for h, w in network.level_sizes(64)]
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    history = []
    for _ in range(25):
        parts = two_stage_loss(network(images, [truth.boxes, empty.boxes]), [truth, empty], sizes)
        assert set(parts) == {"object", "product", "box", "proposal"}
        total = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        history.append(float(total.detach()))
    assert np.isfinite(history).all()
    assert np.mean(history[-5:]) < 0.8 * np.mean(history[:5])


@pytest.mark.parametrize("side", [64, 96], ids=["whole cells", "a side that the largest stride does not divide"])
def test_onnx_keeps_the_contract(network: FasterRcnn, tmp_path: Path, side: int) -> None:
    """The exported graph gives torch's boxes, scores and labels, for one picture and for several."""
    export = pytest.importorskip("whatsit.engines.export")
    from whatsit.engines.onnx_runner import OnnxRunner

    module = FasterRcnnForExport(network, side, top=20)
    export.export_onnx(module, tmp_path / "d.onnx", side, ["boxes", "scores", "labels"], compared=["scores"])
    blocks = torch.randint(
        0, 256, (3, 3, side // 8, side // 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    images = blocks.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    with OnnxRunner(tmp_path / "d.onnx") as runner:
        for n in (1, 3):
            got = runner.run({"images": images[:n].numpy()})
            with torch.no_grad():
                boxes, scores, labels = (t.numpy() for t in module(images[:n]))
            np.testing.assert_allclose(got["scores"], scores, atol=1e-4)
            assert got["boxes"].shape == boxes.shape
            assert got["labels"].dtype == labels.dtype == np.int32
