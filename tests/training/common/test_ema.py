from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from whatsit.training.common.ema import ExponentialMovingAverage  # noqa: E402 (after the skip)


def module() -> torch.nn.Module:
    linear = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.constant_(linear.bias, 5.0)
    linear.bias.requires_grad_(False)
    return linear


def test_the_decay_is_warmed_up_from_the_first_step() -> None:
    network, expected = module(), 0.0
    average = ExponentialMovingAverage(network, 0.3)
    for step in range(1, 5):
        torch.nn.init.constant_(network.weight, float(step))
        average.update(network)
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        assert float(average.state["weight"]) == pytest.approx(expected)
    assert set(average.state) == {"weight", "steps"}


def test_the_average_is_in_the_module_for_the_block_alone() -> None:
    network = module()
    average = ExponentialMovingAverage(network, 0.9)
    torch.nn.init.constant_(network.weight, 2.0)
    with average.applied(network):
        assert network.weight.item() == 0
        assert network.bias.item() == 5
    assert network.weight.item() == 2


def test_a_decay_of_0_keeps_no_average() -> None:
    network = module()
    average = ExponentialMovingAverage(network, 0.0)
    torch.nn.init.constant_(network.weight, 2.0)
    average.update(network)
    with average.applied(network):
        assert network.weight.item() == 2
