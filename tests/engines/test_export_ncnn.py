import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ncnn")
pytest.importorskip("pnnx")

from whatsit_client.errors import WhatsitError  # noqa: E402  # after importorskip

from whatsit.engines.export_ncnn import export_ncnn  # noqa: E402
from whatsit.engines.ncnn_runner import NcnnRunner  # noqa: E402
from whatsit.engines.quantise_ncnn import quantise_ncnn  # noqa: E402
from whatsit.models.centernet_blocks import DeformableBlock, LargeKernelBlock  # noqa: E402


class Small(torch.nn.Module):
    """A convolution of stride 2, a deformable block, a large kernel, sub-pixels."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 16, 3, 2, 1)
        self.bend, self.wide = DeformableBlock(16), LargeKernelBlock(16, 7)
        self.last = torch.nn.Conv2d(16, 8, 1)
        for parameter in self.parameters():
            if parameter.abs().max() == 0 and parameter.ndim == 4:
                torch.nn.init.normal_(parameter, std=0.1)

    def forward(self, images):
        x = self.wide(self.bend(self.first(images)))
        return torch.pixel_shuffle(self.last(x), 2), torch.sigmoid(x)


@pytest.mark.slow
def test_a_network_with_a_deformable_block_is_the_same_in_ncnn(tmp_path):
    module = Small().eval()
    network = export_ncnn(module, 64, ("fine", "score"))
    assert "DeformableConv2D" in {layer.kind for layer in network.layers}
    network.write(tmp_path / "small.param", "fp32")
    quantise_ncnn(network, [np.random.default_rng(1).integers(0, 256, (4, 3, 64, 64), np.uint8)]).write(
        tmp_path / "int8.param", "fp16"
    )
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 96), np.uint8)
    with torch.no_grad():
        want = module(torch.from_numpy(image) / 255)
    with NcnnRunner(tmp_path / "small.param", ("fine", "score")) as runner:
        got = runner.run({"images": image})
    for name, tensor in zip(("fine", "score"), want, strict=True):
        np.testing.assert_allclose(got[name], tensor.numpy(), atol=1e-4)
    with NcnnRunner(tmp_path / "int8.param", ("fine", "score")) as runner:
        small = runner.run({"images": image})["score"].ravel()
    assert np.corrcoef(small, want[1].numpy().ravel())[0, 1] > 0.98


@pytest.mark.slow
def test_an_operator_that_ncnn_does_not_know_is_named():
    class Odd(torch.nn.Module):
        def forward(self, images):
            return (torch.cummax(images, 3).values,)

    with pytest.raises(WhatsitError, match="ncnn"):
        export_ncnn(Odd(), 64, ("out",))
