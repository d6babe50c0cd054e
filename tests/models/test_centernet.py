import pytest

torch = pytest.importorskip("torch")

from whatsit.models.centernet import CenterNet, CenterNetForExport  # noqa: E402  # after importorskip
from whatsit.models.centernet_blocks import LevelFusion, LevelGate  # noqa: E402


@pytest.mark.parametrize(
    "changes", [{}, {"stride": 4}, {"deformable": True}, {"backbone": "mobilenet_v2", "width": 0.5}]
)
def test_maps_have_the_networks_stride_at_any_size(changes):
    network = CenterNet(**changes).eval()
    with torch.no_grad():
        output = network(torch.rand(2, 3, 64, 96))
    cells = (64 // network.stride, 96 // network.stride)
    assert [tuple(part.shape) for part in output] == [(2, 24, *cells), (2, 2, *cells), (2, 2, *cells)]
    assert sum(part.numel() for part in network.parameters()) < 1_000_000


def test_what_clients_get_is_scores_pixels_and_cells():
    network = CenterNet().eval()
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        raw = network(images / 255)
        heat, size, offset = CenterNetForExport(network)(images)
        unit = CenterNetForExport(network, pixels=False)(images / 255)
    torch.testing.assert_close(heat, raw.heat.sigmoid())
    torch.testing.assert_close(size, raw.size.exp() * 8)
    torch.testing.assert_close(offset, raw.offset)
    torch.testing.assert_close(unit[0], heat)


def test_a_level_begins_as_its_boxes_seen_from_each_fine_cell():
    fusion = LevelFusion(3, 8, 0, 3, False)
    weight, bias = torch.zeros(5, 64, 1, 1), torch.tensor([0.25, 0.75, 1.0, 2.0, -1.0])
    fusion.start(2, weight, bias)  # stride 32: every cell has its middle at (8, 24) pixels of it
    levels = [torch.zeros(1, 64, side, side) for side in (8, 4, 2)]
    own, _ = fusion(levels, levels, None)
    cells = torch.arange(8.0)
    middle = (own[2][0, 0] + cells[None]) * 8
    assert torch.equal(middle[0], torch.tensor([8.0, 8, 8, 8, 40, 40, 40, 40]))
    assert ((own[2][0, 1] + cells[:, None]) * 8)[:, 0].tolist() == [24.0] * 4 + [56.0] * 4
    torch.testing.assert_close(own[2][0, 2].exp() * 8, torch.full((8, 8), 32.0).mul(torch.e))


def test_the_surest_level_is_a_peak_at_its_middle():
    levels = [torch.zeros(1, 5, 1, 4) for _ in range(3)]
    levels[1][:, 4] = 20.0
    levels[1][:, 0] = torch.tensor([2.5, 1.5, 0.5, -0.5])
    levels[1][:, 1] = 0.5
    centre, size, offset = LevelGate()(levels)
    torch.testing.assert_close(offset, levels[1][:, :2])
    assert int(centre.argmax()) == 2
    assert torch.isfinite(centre).all()
    assert size.abs().max() < 1e-5
