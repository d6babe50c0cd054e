"""The scan network's files, canvas and maps."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from whatsit_client.errors import Damaged, InvalidInput, Unavailable
from whatsit_client.scan import BoxDetector, Contract, ScanDetector, decode_centers, open_detector
from whatsit_client.scan.center_decoding import overlaps
from whatsit_client.scan.frame_pixels import canvas_of, reduce_gray, widened

from whatsit.rendering.film_kinds import make_film
from whatsit.rendering.product import make_products

ROOT = Path(__file__).resolve().parents[3]


def write_network(folder: Path) -> Path:
    """Write an ONNX network whose one peak is at cell 10, 12, whatever the picture shows."""
    heat, size, offset = (
        np.zeros((1, 3, 32, 40), np.float32),
        np.full((1, 2, 32, 40), 80, np.float32),
        np.zeros((1, 2, 32, 40)),
    )
    heat[0, 0, 12, 10], heat[0, 2, 12, 10] = 0.9, 0.6
    nodes, given = [], {"heat": heat, "size": size, "offset": offset}
    for name, values in given.items():
        tensor = onnx.numpy_helper.from_array(values, f"{name}_value")
        nodes.append(helper.make_node("Constant", [], [name], value=tensor))
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 3, "h", "w"])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.shape)) for name, value in given.items()
    ]
    graph = helper.make_graph(nodes, "scan", [images], outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "scan.onnx")
    contract = {
        "format": 1,
        "labels": ["object", "carton", "bottle"],
        "files": {"onnx": "scan.onnx", "ncnn": ["a", "b"]},
    }
    (folder / "scan.json").write_text(json.dumps(contract))
    return folder


def test_a_network_gives_boxes_in_pixels_of_the_frame(tmp_path: Path) -> None:
    detector = ScanDetector(write_network(tmp_path), runtime="onnx")
    found = detector(np.zeros((480, 640, 3), np.uint8))
    assert found.boxes.tolist() == [[80, 112, 240, 272]]
    assert found.scores.tolist() == [pytest.approx(0.9)]
    assert [detector.labels[label] for label in found.labels] == ["bottle"]


def test_frames_are_letterboxed_at_the_top_left() -> None:
    canvas, scale = canvas_of(np.full((480, 640, 3), 200, np.uint8), 320, 32, 114)
    assert canvas.shape == (256, 320, 3)
    assert scale == 0.5
    assert set(np.unique(canvas[:240])) == {200}
    assert set(np.unique(canvas[240:])) == {114}


def test_a_box_is_widened_within_the_frame() -> None:
    assert widened((10, 10, 110, 60), 0.2, 640, 480) == (0, 0, 130, 70)
    assert widened((639.5, 479.5, 640, 480), 0, 640, 480) == (639, 479, 640, 480)


@pytest.mark.parametrize(
    ("size", "shape"), [((480, 640), (240, 320)), ((1920, 1080), (320, 180)), ((200, 300), (200, 300))]
)
def test_grey_frames_are_reduced_by_whole_factors(size: tuple[int, int], shape: tuple[int, int]) -> None:
    assert reduce_gray(np.full((*size, 3), 90, np.uint8)).shape == shape


def test_no_peak_gives_no_box() -> None:
    maps = np.zeros((3, 8, 8), np.float32), np.ones((2, 8, 8), np.float32), np.zeros((2, 8, 8), np.float32)
    assert len(decode_centers(*maps, Contract(), 1.0, (64, 64))) == 0


def test_the_servers_detector_works_too() -> None:
    model = ROOT / "model_repository" / "detector" / "1" / "model.onnx"
    detector = open_detector(model)
    assert isinstance(detector, BoxDetector)
    assert len(detector.labels) == 24
    assert len(detector(np.full((96, 128, 3), 128, np.uint8))) <= 20


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"scan\.json"):
        ScanDetector(tmp_path)
    with pytest.raises(InvalidInput, match="choose auto, ncnn or onnx"):
        ScanDetector(write_network(tmp_path), runtime="tflite")
    (tmp_path / "scan.onnx").write_bytes(b"no network")
    with pytest.raises(Damaged, match="cannot load"):
        ScanDetector(tmp_path, runtime="onnx")
    (tmp_path / "scan.json").write_text('{"format": 2}')
    with pytest.raises(Damaged, match="update whatsit-client"):
        ScanDetector(tmp_path)
    (tmp_path / "scan.json").write_text("{")
    with pytest.raises(Damaged, match="no JSON"):
        ScanDetector(tmp_path)


@pytest.mark.parametrize("runtime", ["onnx", "ncnn"])
def test_the_shipped_network_finds_the_thing_of_a_film(runtime: str) -> None:
    if runtime == "ncnn":
        pytest.importorskip("ncnn", reason="ncnn is not installed")
    film = make_film("steady", 5, make_products(8, 3))
    still = next(i for i, one in enumerate(film.truth) if one.hold == 0)
    pixels = next(itertools.islice(film.frames(), still, None))
    found = ScanDetector(runtime=runtime)(pixels)
    truth = film.boxes_at(still)[film.path.stops[0].thing]
    assert overlaps(truth, found.boxes).max() > 0.6
