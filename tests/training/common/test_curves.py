from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib")

from whatsit.training.common.curves import draw_curves

ROWS = [
    {"epoch": float(n), "minutes": n / 2, "train_loss": 3 / n, "train_box": 1 / n, "recall": n / 10, "ap50": n / 20}
    for n in range(1, 6)
]


def test_the_curves_show_losses_and_measures(tmp_path: Path) -> None:
    file = tmp_path / "metrics.png"
    draw_curves(ROWS, ROWS[2], "recall", file)
    whole = cv2.imread(str(file))
    draw_curves([{k: v for k, v in row.items() if k != "recall"} for row in ROWS], {}, None, file)
    less = cv2.imread(str(file))
    assert whole.shape == less.shape
    assert np.any(whole != less)
    assert (whole < 250).mean() > 0.01
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.png"]


def test_a_metric_may_be_missing_in_some_rows(tmp_path: Path) -> None:
    draw_curves([ROWS[0], {**ROWS[1], "late": 0.5}], ROWS[0], None, tmp_path / "metrics.png")
    assert (tmp_path / "metrics.png").stat().st_size > 1000


def test_one_validation_and_no_losses_are_enough(tmp_path: Path) -> None:
    draw_curves([{"epoch": 1.0, "recall": float("nan")}], {}, None, tmp_path / "metrics.png")
    assert (tmp_path / "metrics.png").stat().st_size > 1000
