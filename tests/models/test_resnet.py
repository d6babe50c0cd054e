import pytest

torch = pytest.importorskip("torch")

from whatsit_client.errors import Unavailable  # noqa: E402  # after importorskip

from whatsit.models.detector import detector_network  # noqa: E402
from whatsit.models.resnet import STAGE_CHANNELS, ResNet50  # noqa: E402


@pytest.fixture(scope="module")
def network():
    return ResNet50()


def test_has_the_parameters_of_resnet_50(network):
    assert sum(p.numel() for p in network.parameters()) == 25_557_032 - 2048 * 1000 - 1000  # published, less its fc


def test_stages_come_by_stride_with_their_channels(network):
    with torch.no_grad():
        maps = network.stages(torch.zeros(1, 3, 96, 64))
    assert {s: tuple(m.shape) for s, m in maps.items()} == {
        s: (1, c, 96 // s, 64 // s) for s, c in STAGE_CHANNELS.items()
    }


def test_freeze_holds_the_first_stages_and_training_all_norms(network):
    network.freeze(2)
    assert not any(p.requires_grad for part in (network.stem, *network.blocks[:2]) for p in part.parameters())
    assert all(p.requires_grad for part in network.blocks[2:] for p in part.parameters())
    network.train()
    assert not any(m.training for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert network.blocks[3].training
    network.freeze(-1)
    assert all(p.requires_grad for p in network.parameters())


def test_weights_that_cannot_be_fetched_are_named(tmp_path):
    with pytest.raises(Unavailable, match="nowhere"):
        ResNet50(str(tmp_path / "nowhere"))


def test_the_detector_on_it_has_full_convolutions_on_five_levels():
    network = detector_network({"backbone": "resnet50", "channels": 16, "depth": 4, "canvas": 128}).eval()
    with torch.no_grad():
        output = network(torch.full((2, 3, 128, 128), 200, dtype=torch.uint8))
    cells = 16 * 16 + 8 * 8 + 4 * 4 + 2 * 2 + 1
    assert output.objects.shape == (2, cells)
    assert output.anchors.shape == (cells, 4)
    kernels = {m.kernel_size for m in network.label_tower.modules() if isinstance(m, torch.nn.Conv2d)}
    assert kernels == {(3, 3)}
    assert all(m.groups == 1 for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.pyramid.modules())


def test_pixels_are_normalised_inside():
    network = detector_network({"backbone": "resnet50", "channels": 8, "depth": 1, "canvas": 64}).eval()
    seen = {}
    network.backbone.stem.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    with torch.no_grad():
        network(torch.tensor([255, 0, 128], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(1, 3, 64, 64))
    expected = [(255 - 123.675) / 58.395, -116.28 / 57.12, (128 - 103.53) / 57.375]
    torch.testing.assert_close(seen["x"][0, :, 0, 0], torch.tensor(expected))
