import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.anchors import decode, encode, make_anchors  # noqa: E402  # after importorskip


def test_an_anchor_stands_at_the_centre_of_its_cell():
    anchors = make_anchors([(2, 3), (1, 1)], [8, 16]).numpy()
    assert anchors.shape == (7, 4)
    np.testing.assert_allclose(anchors[0], [4 - 16, 4 - 16, 4 + 16, 4 + 16])
    np.testing.assert_allclose(anchors[5], [20 - 16, 12 - 16, 20 + 16, 12 + 16])
    np.testing.assert_allclose(anchors[6], [8 - 32, 8 - 32, 8 + 32, 8 + 32])


def test_decode_undoes_encode():
    generator = torch.Generator().manual_seed(0)
    anchors = make_anchors([(5, 5)], [16])
    low = torch.rand(25, 2, generator=generator) * 60
    boxes = torch.cat([low, low + 5 + torch.rand(25, 2, generator=generator) * 80], dim=1)
    torch.testing.assert_close(decode(encode(boxes, anchors), anchors), boxes, atol=1e-3, rtol=1e-4)


def test_code_of_a_shifted_and_doubled_anchor():
    anchor = torch.tensor([[0.0, 0.0, 10.0, 20.0]])
    box = torch.tensor([[-4.0, -10.0, 16.0, 30.0]])  # centre moved by (1, 0), sides doubled
    expected = [[1 / 10 / 0.1, 0.0, np.log(2) / 0.2, np.log(2) / 0.2]]
    np.testing.assert_allclose(encode(box, anchor).numpy(), expected, atol=1e-5)


def test_a_wild_code_stays_finite():
    anchor = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    assert torch.isfinite(decode(torch.full((1, 4), 1e4), anchor)).all()
