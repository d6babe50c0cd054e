import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.detector.losses.quality_focal import quality_focal  # noqa: E402  # after importorskip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_formula(dtype):
    logits = torch.tensor([-3.0, -0.5, 0.0, 2.0], dtype=dtype)
    targets = torch.tensor([0.0, 0.7, 1.0, 0.2], dtype=dtype)
    s, y = 1 / (1 + np.exp(-logits.numpy())), targets.numpy()
    expected = -(np.abs(y - s) ** 2) * ((1 - y) * np.log(1 - s) + y * np.log(s))
    np.testing.assert_allclose(quality_focal(logits, targets).numpy(), expected, rtol=1e-5)


def test_a_score_equal_to_the_quality_costs_nothing():
    logit = torch.logit(torch.tensor([0.3]))
    assert quality_focal(logit, torch.tensor([0.3])).item() == pytest.approx(0, abs=1e-9)
