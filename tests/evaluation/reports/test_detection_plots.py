import numpy as np
import pytest
from PIL import Image

from whatsit.evaluation.metrics.detection_scores import average_precision, match
from whatsit.evaluation.reports.detection_plots import draw_precision_recall, draw_sheet, precision_recall

TRUTH = [np.array([[0, 0, 10, 10], [20, 20, 40, 40]], dtype=np.float32), np.array([[5, 5, 9, 9]], dtype=np.float32)]
FOUND = [
    (np.array([[0, 0, 10, 9], [60, 60, 70, 70]], dtype=np.float32), np.array([0.9, 0.4], dtype=np.float32)),
    (np.array([[5, 5, 9, 8]], dtype=np.float32), np.array([0.7], dtype=np.float32)),
]


def test_curve_by_hand():
    recall, precision = precision_recall(FOUND, TRUTH)
    np.testing.assert_allclose(recall, [1 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(precision, [1, 1, 2 / 3])
    hits = np.concatenate([match(b, t) >= 0 for (b, _), t in zip(FOUND, TRUTH, strict=True)])
    scores = np.concatenate([s for _, s in FOUND])
    assert average_precision(hits, scores, 3) == pytest.approx(2 / 3)


def test_draws_both_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    draw_precision_recall({"ours": precision_recall(FOUND, TRUTH)}, "two pictures", tmp_path / "deep" / "pr.png")
    assert Image.open(tmp_path / "deep" / "pr.png").size == (600, 500)
    pixels = np.zeros((50, 100, 3), dtype=np.uint8)
    draw_sheet({"ours": lambda _: FOUND[0]}, [(pixels, TRUTH[0])] * 3, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (3 * 322, 2 * 304, 3)
    colours = {tuple(c) for c in sheet[:300, 304:604].reshape(-1, 3).tolist()}
    assert {(255, 150, 40), (255, 60, 60)} <= colours
