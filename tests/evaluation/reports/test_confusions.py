from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from whatsit.evaluation.reports.confusions import draw_confusions, hardest_confusions


def _on_circle(*degrees: float) -> np.ndarray:
    return np.array([[np.cos(np.deg2rad(d)), np.sin(np.deg2rad(d))] for d in degrees], np.float32)


def test_the_widest_gap_comes_first_and_each_pair_of_labels_once() -> None:
    gallery, known = _on_circle(0, 90, 180), [0, 1, 2]
    queries, labels = _on_circle(80, 70, 100, 10), [0, 0, 2, 0]
    first, second = hardest_confusions(queries, gallery, labels, known)
    assert (first.query, first.right, first.found) == (0, 0, 1)
    np.testing.assert_allclose(first.gap, np.cos(np.deg2rad(10)) - np.cos(np.deg2rad(80)), atol=1e-6)
    assert (second.query, second.right, second.found) == (2, 2, 1)


def test_a_label_that_the_gallery_lacks_is_no_confusion() -> None:
    assert hardest_confusions(_on_circle(0), _on_circle(0), [5], [1]) == []


def test_the_sheet_has_a_row_for_each(tmp_path: Path) -> None:
    paths = []
    for number, colour in enumerate(("red", "green")):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (30, 20), colour).save(paths[-1])
    confusions = hardest_confusions(_on_circle(0), _on_circle(90, 10), [0], [0, 1])
    draw_confusions(confusions, paths[:1], paths, (["apple"], ["apple", "pear"]), tmp_path / "out" / "sheet.png")
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        third = sheet.width // 3
        assert sheet.width > sheet.height
        middles = [sheet.getpixel((column * third + third // 2, third // 2)) for column in range(3)]
    assert middles == [(255, 0, 0), (255, 0, 0), (0, 128, 0)]
