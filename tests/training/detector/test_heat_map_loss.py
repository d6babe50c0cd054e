import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.centernet import CenterOutput  # noqa: E402  # after importorskip
from whatsit.models.product_labels import NO_PRODUCT, UNKNOWN  # noqa: E402
from whatsit.training.detector.centernet_targets import center_targets  # noqa: E402
from whatsit.training.detector.losses.heat_map_loss import CenterBatch, center_loss  # noqa: E402
from whatsit.training.detector.mosaic import Sample  # noqa: E402


def sample(boxes, labels, doubtful=()):
    return Sample(
        np.zeros((64, 64, 3), np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(doubtful, np.float32).reshape(-1, 4),
    )


def batch(*samples):
    made = [center_targets(one, 8) for one in samples]
    names = ("heat", "learns", "boxes", "weight", "product")
    return CenterBatch(*(torch.from_numpy(np.stack([getattr(one, name) for one in made])) for name in names))


def test_a_centre_is_one_and_smaller_boxes_lie_on_top():
    targets = center_targets(sample([[0, 0, 64, 64], [24, 24, 40, 40]], [3, 5]), 8)
    assert targets.heat[4, 4] == 1
    assert (targets.heat == 1).sum() == 1
    assert targets.product[4, 4] == 5
    np.testing.assert_allclose(targets.boxes[:, 4, 4], [3, 3, 5, 5])
    apart = center_targets(sample([[0, 0, 16, 16], [40, 40, 64, 64]], [NO_PRODUCT, UNKNOWN]), 8)
    np.testing.assert_allclose(apart.weight.sum(), 2, atol=1e-5)
    assert apart.product[1, 1] == NO_PRODUCT
    assert apart.product[6, 6] < 0


def test_doubtful_places_learn_nothing_but_where_a_box_is():
    targets = center_targets(sample([[0, 0, 16, 16]], [1], [[40, 40, 64, 64], [0, 0, 16, 16]]), 8)
    assert targets.learns[6, 6] == 0
    assert targets.learns[1, 1] == 1


def test_what_the_targets_say_costs_nearly_nothing():
    targets = batch(sample([[8, 8, 40, 56]], [2]))
    heat = torch.full((1, 24, 8, 8), -12.0)
    heat[:, 0] = torch.where(targets.heat == 1, 12.0, -12.0)
    heat[:, 2] = 12.0
    sides = (targets.boxes[:, 2:] - targets.boxes[:, :2]).clamp(min=1e-3)
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    offset = (targets.boxes[:, 2:] + targets.boxes[:, :2]) / 2 - torch.stack([x, y])
    good = center_loss(CenterOutput(heat, sides.log(), offset), targets)
    assert sum(good.values()) < 0.01
    moved = center_loss(CenterOutput(heat, sides.log() + 1, offset + 2), targets)
    assert min(moved["box"], moved["side"]) > 0.5
    assert moved["center"] == good["center"]


def test_a_batch_without_boxes_learns_the_background():
    raw = torch.zeros(1, 24, 8, 8, requires_grad=True)
    flat = torch.zeros(1, 2, 8, 8, requires_grad=True)
    parts = center_loss(CenterOutput(raw, flat, flat), batch(sample([], [])))
    total = sum(parts.values())
    total.backward()
    assert torch.isfinite(total)
    assert parts["center"] > 0
    assert raw.grad[:, 0].abs().min() > 0
