from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.training.embedder.losses.trend_weights import TrendWeights  # noqa: E402 (after the skip)

BEFORE, NOW = np.array([2.0, 1.0, 0.5]), np.array([1.0, 0.9, 0.5])


def seen(*losses: np.ndarray) -> TrendWeights:
    weights = TrendWeights(3, every=2)
    for values in losses:
        assert [weights.step(), weights.step()] == [False, True]
        weights.update(torch.from_numpy(values).float())
    return weights


def test_all_tasks_weigh_the_same_until_a_trend_is_known() -> None:
    assert seen(BEFORE).weights.tolist() == [1, 1, 1]


def test_weights_are_those_of_the_paper() -> None:
    trend = np.abs(NOW - BEFORE) / NOW
    expected = trend / trend.mean() * NOW / NOW.mean()
    np.testing.assert_allclose(seen(BEFORE, NOW).weights.numpy(), expected / expected.mean(), rtol=1e-5)


def test_a_task_that_stands_still_no_longer_counts() -> None:
    weights = seen(BEFORE, NOW).weights
    assert weights[0] > weights[1] > weights[2] == 0
    assert float(weights.mean()) == pytest.approx(1)


def test_a_checkpoint_carries_the_state() -> None:
    first, second = seen(BEFORE), TrendWeights(3, every=2)
    second.load_state_dict(first.state_dict())
    for weights in (first, second):
        weights.step(), weights.step()
        weights.update(torch.from_numpy(NOW).float())
    assert torch.equal(first.weights, second.weights)
    assert not torch.equal(first.weights, torch.ones(3))


def test_losses_that_do_not_move_at_all_leave_the_weights() -> None:
    assert seen(BEFORE, BEFORE).weights.tolist() == [1, 1, 1]
