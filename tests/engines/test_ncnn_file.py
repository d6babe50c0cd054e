import numpy as np
import pytest
from whatsit_client.errors import Damaged

from whatsit.engines.ncnn_file import NcnnLayer, NcnnNetwork, read_ncnn


def network():
    rng = np.random.default_rng(0)
    dense = {0: "4", 1: "1", 5: "1", 6: "12"}
    return NcnnNetwork(
        (
            NcnnLayer("Input", "in", (), ("a",), {}),
            NcnnLayer(
                "Convolution", "c", ("a",), ("b",), dense,
                rng.normal(size=12).astype(np.float32), rng.normal(size=4).astype(np.float32),
            ),
            NcnnLayer("MemoryData", "m", (), ("d",), {0: "3"}, bias=np.arange(3, dtype=np.float32)),
        )
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    given = network()
    given.write(tmp_path / "n.param", "fp32")
    read = read_ncnn(tmp_path / "n.param", tmp_path / "n.bin")
    assert [layer.line() for layer in read.layers] == [layer.line() for layer in given.layers]
    np.testing.assert_array_equal(read.layers[1].weight, given.layers[1].weight)
    np.testing.assert_array_equal(read.layers[2].bias, given.layers[2].bias)
    whole = (tmp_path / "n.bin").stat().st_size
    given.renamed({"b": "out"}).write(tmp_path / "n.param", "fp16")
    half = read_ncnn(tmp_path / "n.param", tmp_path / "n.bin")
    assert half.layers[1].tops == ("out",)
    np.testing.assert_allclose(half.layers[1].weight, given.layers[1].weight, rtol=1e-3)
    assert (tmp_path / "n.bin").stat().st_size == whole - 24


def test_a_file_that_is_too_short_or_another_is_refused(tmp_path):
    network().write(tmp_path / "n.param", "fp32")
    raw = (tmp_path / "n.bin").read_bytes()
    (tmp_path / "n.bin").write_bytes(raw + b"more")
    with pytest.raises(Damaged, match="convert it again"):
        read_ncnn(tmp_path / "n.param", tmp_path / "n.bin")
    (tmp_path / "n.param").write_text("nothing\n")
    with pytest.raises(Damaged, match="no ncnn network"):
        read_ncnn(tmp_path / "n.param", tmp_path / "n.bin")
