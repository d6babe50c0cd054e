"""TensorRT-RTX compiles every network of Whatsit on a machine without a GPU, and refusals are one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, Unavailable, WhatsitError

onnx = pytest.importorskip("onnx")
pytest.importorskip("tensorrt_rtx_bindings", reason="the wheels tensorrt-rtx-cu12-* are not installed")

from onnx import TensorProto, helper  # noqa: E402

from whatsit.engines.build_paths import BuildPaths  # noqa: E402
from whatsit.engines.build_recipe import ProfileBatches, read_build_recipe  # noqa: E402
from whatsit.engines.onnx_runner import file_fingerprint  # noqa: E402
from whatsit.engines.plan_builder import (  # noqa: E402
    build_plan,
    compile_engine,
    compiler,
)

ROOT = Path(__file__).resolve().parents[2]
RTX = "tensorrt-rtx"


def network(path: Path, nodes: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto]) -> Path:
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 3, 8, 8])
    graph = helper.make_graph(
        [helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT), *nodes], "g", [images], outputs
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), path)
    return path


@pytest.mark.parametrize("name", ["embedder", "classifier", "detector"])
@pytest.mark.slow
def test_compiles_what_ships(name: str, tmp_path: Path) -> None:
    from dataclasses import replace

    paths = BuildPaths.of(name, ROOT)
    if not paths.tensorrt.is_file():
        pytest.skip(f"{paths.tensorrt} is not built; run `whatsit build {name}`")
    paths = replace(paths, plan=tmp_path / "model.plan", work=tmp_path / "work")
    steps: list[tuple[str, int, int]] = []
    plan, plan_card = compile_engine(paths, RTX, lambda *step: steps.append(step))
    assert paths.plan.stat().st_size > 1e6
    assert steps
    assert plan.path == paths.plan
    card = plan_card.read_text(encoding="utf-8")
    for part in (file_fingerprint(paths.plan), file_fingerprint(paths.tensorrt), "1.7.1.116"):
        assert part in card


@pytest.mark.slow
def test_compiles_the_resnet50_retinanet_in_int8(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from perf.networks.untrained_networks import write_untrained

    recipe = tmp_path / "detector-resnet50.yaml"  # all layers of the recipe, on a canvas of a fifth of the side
    text = (ROOT / "build" / recipe.name).read_text(encoding="utf-8")
    recipe.write_text(text.replace("canvas: 640", "canvas: 128").replace("[512, 640]", "[128]"), encoding="utf-8")
    assert "canvas: 128" in recipe.read_text(encoding="utf-8")
    source = write_untrained(recipe, tmp_path / "resnet50.onnx")
    kinds = [node.op_type for node in onnx.load(source).graph.node]
    assert kinds.count("DequantizeLinear") > 2 * 50  # 53 layers of the backbone alone, weight and input
    plan = build_plan(source, tmp_path / "model.plan", RTX, read_build_recipe(recipe).engine.tensorrt.batches)
    assert plan.path.stat().st_size > 3e7
    assert plan.seconds > 0


def test_every_recipe_compiles_for_the_batches_of_its_config() -> None:
    import re

    for name in ("embedder", "classifier", "detector"):
        text = (ROOT / "model_repository" / name / "configs" / "tensorrt.pbtxt").read_text(encoding="utf-8")
        most = int(re.search(r"max_batch_size: (\d+)", text).group(1))  # type: ignore[union-attr]  # is there
        preferred = re.search(r"preferred_batch_size: \[([^\]]*)\]", text).group(1)  # type: ignore[union-attr]
        batches = read_build_recipe(ROOT / "build" / f"{name}.yaml").engine.tensorrt.batches
        assert min(batch.min for batch in batches) == 1
        assert max(batch.max for batch in batches) == most
        assert {batch.opt for batch in batches} <= {int(size) for size in preferred.split(",")}


def test_one_profile_for_each_batch(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 8, 8])
    source = network(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [value])
    one = ProfileBatches(min=1, opt=1, max=1)
    plan = build_plan(source, tmp_path / "m.plan", RTX, [ProfileBatches(), one])
    assert plan.log.read_text(encoding="utf-8").startswith("tensorrt_rtx_bindings 1.7")
    first = plan.path.read_bytes()
    build_plan(source, tmp_path / "m.plan", RTX, [one])
    assert plan.path.read_bytes() != first


def test_an_operator_that_it_lacks_is_named(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("y", TensorProto.INT64, [None, 4])
    source = network(tmp_path / "m.onnx", [helper.make_node("StringSplitter", ["x"], ["y"])], [value])
    with pytest.raises(WhatsitError, match=r"has no operator StringSplitter, which .*m\.onnx uses"):
        build_plan(source, tmp_path / "m.plan", RTX, [ProfileBatches()])
    assert not (tmp_path / "m.plan").exists()


def test_non_maximum_suppression_is_refused_in_one_sentence(tmp_path: Path) -> None:
    shape = helper.make_node("Constant", [], ["s"], value=onnx.numpy_helper.from_array(np.array([0, 48, 4], np.int64)))
    other = helper.make_node("Constant", [], ["t"], value=onnx.numpy_helper.from_array(np.array([0, 1, 48], np.int64)))
    axis = helper.make_node("Constant", [], ["axis"], value=onnx.numpy_helper.from_array(np.array([2], np.int64)))
    nodes = [
        axis,
        shape,
        other,
        helper.make_node("Reshape", ["x", "s"], ["b"]),
        helper.make_node("ReduceMax", ["b", "axis"], ["slice"]),
        helper.make_node("Reshape", ["slice", "t"], ["c"]),
    ]
    nodes.append(helper.make_node("NonMaxSuppression", ["b", "c"], ["y"]))
    value = helper.make_tensor_value_info("y", TensorProto.INT64, [None, 3])
    source = network(tmp_path / "m.onnx", nodes, [value])
    with pytest.raises(WhatsitError, match="NonMaxSuppression") as refused:
        build_plan(source, tmp_path / "m.plan", RTX, [ProfileBatches()])
    assert len(str(refused.value).splitlines()) == 1


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no network file"):
        build_plan(tmp_path / "none.onnx", tmp_path / "m.plan", RTX, [ProfileBatches()])
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(Damaged, match=r"bad\.onnx cannot be read"):
        build_plan(tmp_path / "bad.onnx", tmp_path / "m.plan", RTX, [ProfileBatches()])
    with pytest.raises(Unavailable, match="choose tensorrt or tensorrt-rtx"):
        compiler("openvino")


def test_tensorrt_without_its_package_or_gpu_is_one_sentence(tmp_path: Path) -> None:
    try:
        compiler("tensorrt")
    except Unavailable as error:
        assert "pip install 'whatsit[compile,tensorrt]'" in str(error)  # noqa: PT017  # which of the two depends on the machine
    else:
        pytest.skip("TensorRT is installed here")
