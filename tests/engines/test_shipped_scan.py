"""The files that phones and browsers get."""

import json
from pathlib import Path

import numpy as np
import pytest

from whatsit.engines.onnx_runner import OnnxRunner, file_fingerprint
from whatsit.models.center_boxes import center_boxes
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.vision.boxes import iou, nms
from whatsit.vision.letterbox import letterbox

MODELS = Path(__file__).resolve().parents[2] / "client" / "mobile" / "models"


@pytest.fixture(scope="module")
def contract():
    if not (MODELS / "scan.json").is_file():
        pytest.skip("the scan network is not built; run `whatsit build scan`")
    return json.loads((MODELS / "scan.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(3)
    return make_scene(make_products(20, 3), rng, size=(640, 480), count=3)


def test_files_are_those_that_the_contract_names(contract):
    for name, digest in contract["sha256"].items():
        assert file_fingerprint(MODELS / name) == digest
    half = sum((MODELS / name).stat().st_size for name in contract["files"]["ncnn"])
    assert half < 2e6


@pytest.mark.parametrize("name", ["onnx", "onnx_int8", "ncnn", "ncnn_int8"])
def test_every_form_finds_the_things_of_a_drawn_scene(contract, scene, name):
    canvas, scale = letterbox(scene.image, contract["side"])
    file = contract["files"][name]
    if name.startswith("ncnn"):
        pytest.importorskip("ncnn")
        from whatsit.engines.ncnn_runner import NcnnRunner

        runner = NcnnRunner(MODELS / file[0], contract["outputs"])
    else:
        runner = OnnxRunner(MODELS / file, 1)
    with runner:
        width = -(-contract["side"] * 3 // 4 // contract["multiple"]) * contract["multiple"]  # enough for 4 : 3
        out = runner.run({contract["input"]: np.ascontiguousarray(canvas[None, :, :width])})
    settings = {key: contract[key] for key in ("stride", "min_score", "top")} | {"window": contract.get("window", 3)}
    found = center_boxes(*(out[key][0] for key in contract["outputs"]), **settings)
    boxes = (found.boxes / scale)[nms(found.boxes, found.scores, contract["iou"])]
    assert (iou(scene.boxes, boxes.astype(np.float32)).max(axis=1) > 0.5).all()
