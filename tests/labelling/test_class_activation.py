from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput
from whatsit_client.taxonomy import TAGS

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, read_labels
from whatsit.evaluation.datasets.labelled_pictures import picture_files
from whatsit.evaluation.datasets.yolo_labels import read_yolo_folder
from whatsit.labelling.agreement import agreement
from whatsit.labelling.label_folder import label_pictures
from whatsit.labelling.progress_log import ProgressLog
from whatsit.labelling.single_object import centred, single_product
from whatsit.models.yolox import COCO_NAMES, Yolox
from whatsit.pipeline.box_detectors import ContractFinder, YoloxFinder, open_finder

ROOT = Path(__file__).resolve().parents[2]


def test_a_contract_detector_finds_in_pixels_of_the_picture() -> None:
    def run(images: np.ndarray) -> tuple[np.ndarray, ...]:
        assert images.shape == (1, 3, 64, 64)
        assert images.dtype == np.uint8
        boxes = np.array([[[8, 8, 24, 24], [8, 8, 24, 25], [40, 0, 70, 20], [30, 30, 30.2, 40]]], np.float32)
        return boxes, np.array([[0.9, 0.6, 0.5, 0.8]], np.float32), np.array([[0, 2, 0, 0]], np.int32)

    finder = ContractFinder(run, 64, ["object", "fruit", "cup"], origin="net")
    found = finder.find(np.zeros((64, 128, 3), np.uint8), 0.4)  # reduced to half: the canvas is 64 wide
    assert [(box.corners, box.name, box.score) for box in found] == [
        ((16, 16, 48, 48), "cup", 0.9),  # the class-free box borrows the name of the class-wise one on it
        ((80, 0, 128, 40), "object", 0.5),  # cut to the picture
    ]
    assert {box.origin for box in found} == {"net"}


def test_a_yolox_teacher_names_cocos_classes() -> None:
    raw = np.zeros((1, 64 + 16 + 4, 85), np.float32)
    raw[0, 0, :4] = [1, 1, np.log(2), np.log(2)]  # centre 8, 8; sides 16; in strides of 8
    raw[0, 0, 4], raw[0, 0, 5 + COCO_NAMES.index("cup")] = 1, 0.75
    found = YoloxFinder(Yolox(lambda images: raw, 64)).find(np.zeros((64, 64, 3), np.uint8), 0.5)
    assert [(box.corners, box.name, box.score) for box in found] == [((0, 0, 16, 16), "cup", 0.75)]


def test_the_shipped_detector_opens_as_a_teacher() -> None:
    with open_finder(ROOT / "model_repository" / "detector" / "1" / "model.onnx") as finder:
        assert all(box.score >= 0.5 for box in finder.find(np.full((60, 80, 3), 128, np.uint8), 0.5))
    with (
        pytest.raises(InvalidInput, match="neither YOLOX"),
        open_finder(ROOT / "model_repository" / "embedder" / "1" / "model.onnx"),
    ):
        pass


def test_one_product_takes_the_best_large_box() -> None:
    found = [Box(0, 0, 10, 10, "bird", 0.9), Box(10, 10, 60, 60, "cup", 0.8), Box(11, 11, 60, 60, "bowl", 0.5)]
    small, *rest = single_product(found, "mug", 100, 100, sure=0.4)
    assert (small.name, small.corners) == ("mug", (10, 10, 70, 70))
    assert [(box.name, box.doubtful) for box in rest] == [("bird", True)]
    (middle,) = single_product([], "mug", 200, 100, sure=0.4)
    assert middle.corners == pytest.approx(centred(200, 100))
    assert middle.corners == pytest.approx((20, 10, 180, 90))


def test_interrupted_looking_goes_on_and_other_settings_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "b/c.png", "b/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    files, seen, odd = picture_files(tmp_path), [], []
    assert files == ["a.png", "b/c.png", "b/d.png", "broken.jpg"]

    def find_boxes(file: str, pixels: np.ndarray) -> list[Box]:
        seen.append(file)
        if seen == ["a.png", "b/c.png"]:
            raise KeyboardInterrupt
        return [Box(0, 0, 0.5, 6, file, score=0.0)]

    journal = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        label_pictures(tmp_path, files, find_boxes, journal, {"sure": 1})
    with journal.open("a") as file:
        file.write('{"file": "b/d.p')  # a line that a crash cut off
    labels = label_pictures(tmp_path, files, find_boxes, journal, {"sure": 1}, on_unreadable=odd.append)
    assert seen == ["a.png", "b/c.png", "b/c.png", "b/d.png"]
    assert odd == ["broken.jpg"]
    assert [(p.file, p.width, p.height, p.boxes[0]) for p in labels.pictures] == [
        (name, 30, 20, Box(0, 0, 0.5, 6, name, score=0.0)) for name in files[:3]
    ]
    with pytest.raises(InvalidInput, match="other settings"):
        ProgressLog(journal, {"sure": 2})


def test_agreement_counts_what_is_found_right_and_named() -> None:
    truth = LabelFile(
        (
            Picture("one", 100, 100, (Box(10, 10, 80, 80, "cup", 0.9),)),
            Picture("two", 100, 100, (Box(0, 0, 20, 20, "cup"), Box(50, 50, 40, 40, "cup"))),
            Picture("unsure", 100, 100, (Box(0, 0, 50, 50, "cup", 0.3),)),
            Picture("absent", 100, 100, (Box(0, 0, 50, 50, "cup"),)),
        )
    )
    weak = LabelFile(
        (
            Picture("one", 100, 100, (Box(10, 10, 80, 60, "mug"), Box(0, 0, 5, 5, "cup"))),
            Picture("two", 100, 100, (Box(50, 50, 40, 40, "cup"), Box(0, 0, 20, 20, "cup", doubtful=True))),
            Picture("unsure", 100, 100),
        )
    )
    every = agreement(weak, truth)
    assert (every.pictures, every.truth, every.boxes) == (3, 4, 3)
    assert (every.found, every.right, every.named) == (2 / 4, 2 / 3, 1 / 2)
    assert every.mean_iou == pytest.approx((0.75 + 0 + 1 + 0) / 4)
    assert every.centred == 1 / 4
    single = agreement(weak, truth, single=True)
    assert (single.pictures, single.found, single.centred) == (1, 1.0, 1.0)


def test_yolo_text_becomes_coco(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "p.png"), np.zeros((50, 200, 3), np.uint8))
    (tmp_path / "labels" / "p.txt").write_text("1 0.5 0.5 0.1 0.4\n")
    assert read_yolo_folder(tmp_path).pictures[0].boxes == (Box(90, 15, 20, 20, "bicycle"),)
    (tmp_path / "classes.txt").write_text("tea\nmilk\n")
    labels = read_yolo_folder(tmp_path)
    labels.write(tmp_path / "labels.json")
    assert read_labels(tmp_path / "labels.json").pictures[0].boxes[0].name == "milk"
    (tmp_path / "labels" / "p.txt").write_text("7 0.5 0.5 0.1 0.4\n")
    with pytest.raises(InvalidInput, match="class 7"):
        read_yolo_folder(tmp_path, ["tea"])
    (tmp_path / "labels" / "p.txt").write_text("0 half\n")
    with pytest.raises(Damaged, match=r"p\.txt"):
        read_yolo_folder(tmp_path)


def test_the_box_of_a_map_leaves_its_tails_out() -> None:
    pytest.importorskip("torch")
    from whatsit.labelling.class_activation import mass_box

    heat = np.zeros((96, 96), np.float32)
    heat[24:48, 48:72] = 1
    x1, y1, x2, y2 = mass_box(heat, 960, 480, tail=0.001)
    assert (x1, y1, x2, y2) == pytest.approx((480, 120, 720, 240), abs=1e-6)
    assert mass_box(np.zeros((4, 4), np.float32), 100, 100, 0.02) == pytest.approx((0, 0, 100, 100), abs=3)
    wide = mass_box(np.ones((8, 8), np.float32), 100, 100, 0.1)
    assert wide == pytest.approx((10, 10, 90, 90), abs=2)


def test_activation_finds_where_the_tag_is() -> None:
    torch = pytest.importorskip("torch")
    from whatsit.labelling.class_activation import ActivationFinder
    from whatsit.models.classifier import Classifier

    torch.manual_seed(0)
    tables = torch.zeros(1001, len(TAGS)), torch.zeros(1001, 3)
    tables[0][5, TAGS.index("toy")] = 1
    network = Classifier(None, *tables).eval()

    class Bright(torch.nn.Module):
        """A backbone whose first channel is the brightness of each place."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            brightness = torch.nn.functional.avg_pool2d(images.mean(dim=1, keepdim=True) + 1, 32)
            return torch.nn.functional.pad(brightness, (0, 0, 0, 0, 0, 1279))

        def look(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            maps = self(images)
            return maps, maps[:, :96]

    network.backbone = Bright()
    with torch.no_grad():
        network.imagenet.weight.zero_()
        network.imagenet.weight[5, 0] = 100.0  # class 5, a toy, is brightness
    pixels = np.zeros((200, 400, 3), np.uint8)
    pixels[100:160, 240:360] = 255
    box = ActivationFinder(network, size=320, tail=0.02).find(pixels)
    assert box.name == "toy"
    assert box.origin == "activation"
    assert box.corners == pytest.approx((240, 100, 360, 160), abs=45)  # the mirror image is averaged in turned back
    assert ActivationFinder(network).find(pixels, "toy").corners == box.corners
