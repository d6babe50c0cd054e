"""OpenVINO on a small network: the answers of ONNX Runtime, and errors as sentences."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.open_runner import open_runner
from whatsit.engines.openvino_runner import OpenVinoRunner
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sums and means of pictures of 4 x 4; the label is a cast of the sums, whose tensor has an inner name too."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "axes"], ["sums"], keepdims=0),
        helper.make_node("Cast", ["sums"], ["inner"], to=TensorProto.INT32),
        helper.make_node("Identity", ["inner"], ["labels"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 3, 4, 4])],
        [
            helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("labels", TensorProto.INT32, ["n"]),
        ],
        [helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3])],
    )
    path = tmp_path_factory.mktemp("openvino") / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def images(rows: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(rows).integers(0, 256, (rows, 3, 4, 4), dtype=np.uint8)


def test_tensors_and_answers_are_those_of_onnx_runtime(network: Path) -> None:
    with open_runner(network, engine="openvino") as runner, OnnxRunner(network) as usual:
        assert isinstance(runner, OpenVinoRunner)
        assert (runner.inputs, runner.outputs) == (usual.inputs, usual.outputs)
        for rows in (1, 5, 2):
            want, got = usual.run({"images": images(rows)}), runner.run({"images": images(rows)})
            assert want.keys() == got.keys()
            for name in want:
                np.testing.assert_array_equal(want[name], got[name])


def test_threads_get_their_own_answers(network: Path) -> None:
    with OpenVinoRunner(network, streams=2) as runner, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda rows: runner.run({"images": images(rows)})["sums"], range(1, 40)))
        rows = ParallelBatchRunner(runner, 2)
        np.testing.assert_array_equal(rows.run({"images": images(7)})["sums"], images(7).sum(axis=(1, 2, 3)))
        rows.close()
    for rows_, sums in zip(range(1, 40), found, strict=True):
        np.testing.assert_array_equal(sums, images(rows_).sum(axis=(1, 2, 3)).astype(np.float32))


def test_what_is_wrong_is_said(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenVinoRunner(network) as runner, pytest.raises(InvalidInput, match="uint8"):
        runner.run({"images": np.zeros((1, 3, 4, 4), np.float32)})
    (tmp_path / "model.onnx").write_bytes(b"no network")
    with pytest.raises(Damaged, match="OpenVINO"):
        OpenVinoRunner(tmp_path / "model.onnx")
    with pytest.raises(Unavailable, match="whatsit build"):
        OpenVinoRunner(tmp_path / "missing.onnx")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install"):
        OpenVinoRunner(network)


def test_a_compiled_network_is_kept(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path))
    with OpenVinoRunner(network) as first:
        want = first.outputs, first.run({"images": images(3)})["sums"]
    (kept,) = (tmp_path / "openvino").glob("*.blob")
    kept.chmod(0o600)
    (tmp_path / "link.onnx").symlink_to(network)
    for content in (kept.read_bytes(), kept.read_bytes()[:100]):  # as it is, and half written
        kept.write_bytes(content)
        with OpenVinoRunner(tmp_path / "link.onnx") as again:
            assert again.outputs == want[0]
            np.testing.assert_array_equal(again.run({"images": images(3)})["sums"], want[1])
        assert list((tmp_path / "openvino").glob("*.blob")) == [kept]


def test_a_cache_that_cannot_be_written_is_left_out(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path / "file"))
    with OpenVinoRunner(network) as runner:
        np.testing.assert_array_equal(runner.run({"images": images(2)})["sums"], images(2).sum(axis=(1, 2, 3)))
