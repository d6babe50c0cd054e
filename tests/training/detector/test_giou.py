import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.detector.losses.giou import iou_and_giou  # noqa: E402  # after importorskip


def test_overlapping_nested_and_distant_boxes():
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 4, 4], [0, 0, 1, 1]])
    b = torch.tensor([[1.0, 1, 3, 3], [1, 1, 2, 2], [3, 0, 4, 1]])
    iou, giou = iou_and_giou(a, b)
    np.testing.assert_allclose(iou.numpy(), [1 / 7, 1 / 16, 0], atol=1e-6)
    np.testing.assert_allclose(giou.numpy(), [1 / 7 - 2 / 9, 1 / 16, -2 / 4], atol=1e-6)


def test_distant_boxes_still_have_a_gradient():
    a = torch.tensor([[0.0, 0, 1, 1]], requires_grad=True)
    _, giou = iou_and_giou(a, torch.tensor([[5.0, 5, 6, 6]]))
    giou.sum().backward()
    assert a.grad is not None
    assert a.grad[0, 2] > 0  # growing towards the other box helps
