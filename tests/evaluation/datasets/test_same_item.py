from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.evaluation.datasets.same_item import SameItem
from whatsit.evaluation.reports.embedder_report import EmbedderReport


@pytest.fixture
def clothing(tmp_path: Path) -> Clothing:
    """Two classes of two plain garments each, in both splits."""
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        for name in ("hat", "shirt"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(2):
                picture = np.full((60, 50, 3), rng.integers(20, 220, 3), np.uint8)
                cv2.imwrite(str(tmp_path / split / name / f"{number}.jpg"), picture)
    return Clothing(tmp_path)


def test_photographs_are_the_same_every_time_and_show_the_item(clothing: Clothing) -> None:
    shots, again = SameItem(clothing).queries(), SameItem(clothing).queries()
    assert len(shots) == 4
    for (photo, box), (same, _) in zip(shots, again, strict=True):
        assert np.array_equal(photo, same)
        x1, y1, x2, y2 = box
        assert 0 <= x1 < x2 <= photo.shape[1]
        assert 0 <= y1 < y2 <= photo.shape[0]
    other = SameItem(clothing, seed=8).queries()
    assert not np.array_equal(shots[0][0], other[0][0])


def test_report_looks_items_up_among_all_photos_and_draws_sheets(clothing: Clothing, tmp_path: Path) -> None:
    report = EmbedderReport(
        lambda crops: crops[:, :, 56:168, 56:168].mean(axis=(2, 3)).astype(np.float32), sheets=tmp_path / "sheets"
    )
    of_class, of_item = report.clothing(clothing)
    assert (of_class.queries, of_class.gallery) == (4, 4)
    assert (of_item.queries, of_item.gallery) == (4, 8)
    assert of_item.recall_at_5 >= of_item.recall_at_1
    assert (tmp_path / "sheets" / "clothing-class.png").is_file()
