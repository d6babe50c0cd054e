"""The gate's pictures of other sources, drawn small."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.classifier_sets import EvaluationSet
from whatsit.evaluation.datasets.gate_sets import gate_sets, measure_gate
from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture

PIZZA, PERSON, CUP = 53, 0, 41


def picture(file: Path, grey: int, lines: tuple[str, ...] = ()) -> None:
    """Write a plain picture, and its boxes as YOLO lines where there are any."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((40, 40, 3), grey, np.uint8))
    if lines:
        labels = Path(str(file).replace("/images/", "/labels/")).with_suffix(".txt")
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("\n".join(lines))


def scenes(data: Path) -> None:
    """Write five scenes: a meal, a small cup, a person, a person with a cup, and one without boxes."""
    folder = data / "coco128" / "images"
    picture(folder / "meal.jpg", 200, (f"{PIZZA} 0.5 0.5 0.5 0.5",))
    picture(folder / "small.jpg", 200, (f"{CUP} 0.5 0.5 0.1 0.1",))
    picture(folder / "person.jpg", 20, (f"{PERSON} 0.5 0.5 0.8 0.8",))
    picture(folder / "both.jpg", 20, (f"{PERSON} 0.5 0.5 0.8 0.8", f"{CUP} 0.5 0.5 0.2 0.2"))
    picture(folder / "empty.jpg", 20)


def test_scenes_are_sorted_by_what_their_boxes_cover(tmp_path: Path) -> None:
    scenes(tmp_path)
    sets = {one.name: [file.name for file in one.files] for one in gate_sets(tmp_path, frozenset({"small.jpg"}))}
    assert sets == {"coco128, food and tableware": ["meal.jpg"], "coco128, people": ["person.jpg"]}


def test_sets_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    assert gate_sets(tmp_path) == []


def test_the_gate_is_measured_on_each_set(tmp_path: Path) -> None:
    scenes(tmp_path)
    for number, grey in enumerate((10, 30, 250)):
        picture(tmp_path / "bsds500" / "images" / f"{number}.jpg", grey)

    def classify(images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        goods = images.mean(axis=(1, 2, 3)) / 255
        return {"intent": np.stack([0 * goods, goods, 1 - goods], axis=1).astype(np.float32)}

    known = [
        EvaluationSet(name, [TaggedPicture(Path("a.jpg"), "a", intent, "fruit")] * 2, ["photo"] * 2)
        for name, intent in (("grocery val", "goods"), ("clothing val", "apparel"), ("imagenet held out", "other"))
    ]
    found = {one.name: {"intent": np.array([[0, 0.7, 0.3], [0, 0.9, 0.1]], np.float32)} for one in known}
    rows = {row.name: row for row in measure_gate(classify, gate_sets(tmp_path), found, known)}
    assert rows["coco128, food and tableware"].passed == 1
    assert rows["coco128, people"].passed == 0
    assert rows["bsds500"].pictures == 3
    assert np.isclose(rows["bsds500"].passed, 1 / 3)
    # Of 4 goods and 3 strangers, the white stranger is above all goods and the others below: 8 of 12 pairs.
    assert np.isclose(rows["bsds500"].auc, 8 / 12)
    assert rows["coco128, people"].auc is None
