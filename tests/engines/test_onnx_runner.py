"""The runner keeps its contract and says in one sentence what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.engines.onnx_runner import OnnxRunner

onnx = pytest.importorskip("onnx")

MODELS = Path(__file__).resolve().parents[2] / "model_repository"


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    helper, proto = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["x"], to=proto.FLOAT),
            helper.make_node("Add", ["x", "x"], ["y"]),
        ],
        "doubler",
        [helper.make_tensor_value_info("images", proto.UINT8, ["n", 2])],
        [helper.make_tensor_value_info("y", proto.FLOAT, ["n", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    return path


def test_runs_any_batch_and_describes_itself(doubler: Path) -> None:
    with OnnxRunner(doubler) as runner:
        for n in (1, 3):
            images = np.arange(2 * n, dtype=np.uint8).reshape(n, 2)
            np.testing.assert_array_equal(runner.run({"images": images})["y"], images * 2.0)
        assert str(runner.inputs[0]) == "images uint8[n,2]"
        assert runner.outputs[0].shape == (None, 2)
        assert len(runner.fingerprint) == 64


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"images": np.zeros((1, 2), np.float32)},
        {"images": np.zeros((1, 3), np.uint8)},
        {"images": np.zeros(2, np.uint8)},
        {"images": np.zeros((1, 2), np.uint8), "more": np.zeros(1, np.uint8)},
    ],
)
def test_refuses_wrong_feeds(doubler: Path, feeds: dict[str, np.ndarray]) -> None:
    with OnnxRunner(doubler) as runner, pytest.raises(InvalidInput, match=r"model\.onnx"):
        runner.run(feeds)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="whatsit build"):
        OnnxRunner(tmp_path / "none.onnx")


@pytest.mark.parametrize("keep", [0, 40])
def test_damaged_file(doubler: Path, keep: int) -> None:
    doubler.write_bytes(doubler.read_bytes()[:keep])
    with pytest.raises(Damaged, match=r"model\.onnx cannot be loaded"):
        OnnxRunner(doubler)


@pytest.mark.parametrize("network", ["embedder", "classifier"])
def test_agrees_with_polygraphy(network: str) -> None:
    """Polygraphy's runner and comparator, which share no code with ours, get the same outputs."""
    pytest.importorskip("polygraphy", reason="the extra `compile` is not installed")
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.comparator import Comparator, SimpleCompareFunc
    from polygraphy.logger import G_LOGGER

    path = MODELS / network / "1" / "model.onnx"
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 224, 224)).astype(np.uint8)
    with OnnxRunner(path) as runner:
        ours = runner.run({"images": images})
    with G_LOGGER.verbosity(G_LOGGER.CRITICAL):
        results = Comparator.run(
            [OnnxrtRunner(SessionFromOnnx(str(path)), "polygraphy")], data_loader=[{"images": images}]
        )
        results.add([ours], "whatsit")
        assert bool(Comparator.compare_accuracy(results, compare_func=SimpleCompareFunc(atol=1e-5)))
        results.add([{name: array + 1 for name, array in ours.items()}], "wrong")
        assert not bool(Comparator.compare_accuracy(results, compare_func=SimpleCompareFunc(atol=1e-5)))
