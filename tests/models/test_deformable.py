import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.deformable import DeformableConv  # noqa: E402  # after importorskip


def layer(channels=3):
    torch.manual_seed(0)
    return DeformableConv(channels)


def test_without_offsets_it_is_half_a_convolution():
    conv, x = layer(), torch.rand(2, 3, 5, 7)
    want = torch.nn.functional.conv2d(x, conv.weight, padding=1) * 0.5  # the mask is sigmoid(0)
    torch.testing.assert_close(conv(x), want)


def test_each_tap_reads_where_its_offset_points():
    conv, x = layer(), torch.rand(1, 3, 4, 6)
    torch.nn.init.normal_(conv.offsets.weight, std=0.2)
    offset, mask = (part.detach().numpy()[0] for part in conv.split_raw(conv.offsets(x)))
    pixels, weight = x.numpy()[0], conv.weight.detach().numpy()

    def read(y, z):
        total = np.zeros(3)
        for row in (int(np.floor(y)), int(np.floor(y)) + 1):
            for column in (int(np.floor(z)), int(np.floor(z)) + 1):
                if 0 <= row < 4 and 0 <= column < 6:
                    total += pixels[:, row, column] * (1 - abs(y - row)) * (1 - abs(z - column))
        return total

    want = np.zeros((3, 4, 6))
    for row in range(4):
        for column in range(6):
            for tap in range(9):
                y = row + tap // 3 - 1 + offset[2 * tap, row, column]
                z = column + tap % 3 - 1 + offset[2 * tap + 1, row, column]
                value = read(y, z) * mask[tap, row, column]
                want[:, row, column] += weight[:, :, tap // 3, tap % 3] @ value
    np.testing.assert_allclose(conv(x).detach().numpy()[0], want, atol=1e-5)
