import numpy as np
import pytest

from whatsit.evaluation.metrics.detection_scores import (
    average_precision,
    class_free,
    evaluate_detector,
    match,
    score_detections,
)


def boxes(*rows):
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_a_true_box_is_matched_once():
    truth = boxes([0, 0, 10, 10], [20, 0, 30, 10])
    found = boxes([0, 0, 10, 9], [0, 0, 10, 10], [21, 0, 31, 10], [50, 50, 60, 60])
    assert match(found, truth).tolist() == [0, -1, 1, -1]
    assert match(found, boxes()).tolist() == [-1] * 4


def test_average_precision_against_the_area_of_the_drawn_curve():
    # Ranked hits: 1 0 1 1 0, four things to find: precision at each hit 1, 2/3, 3/4; made monotone 1, 3/4, 3/4.
    hits = np.array([True, False, True, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5], dtype=np.float32)
    assert average_precision(hits, scores, 4) == pytest.approx((1 + 0.75 + 0.75) / 4)
    shuffled = np.array([4, 2, 0, 3, 1])
    assert average_precision(hits[shuffled], scores[shuffled], 4) == pytest.approx((1 + 0.75 + 0.75) / 4)
    assert np.isnan(average_precision(hits, scores, 0))


def test_average_precision_against_integration_of_random_rankings():
    rng = np.random.default_rng(0)
    for _ in range(20):
        hits, scores = rng.random(30) < 0.4, rng.random(30).astype(np.float32)
        positives = int(hits.sum()) + 3
        ranked = hits[np.argsort(-scores)]
        expected = 0.0
        for k in range(30):
            if ranked[k]:
                best = max(ranked[: j + 1].sum() / (j + 1) for j in range(k, 30))
                expected += best / positives
        assert average_precision(hits, scores, positives) == pytest.approx(expected)


def test_recall_counts_only_the_budget():
    truth = boxes([0, 0, 10, 10], [50, 50, 90, 90])
    found = boxes([50, 50, 90, 90], [0, 0, 10, 10])
    scores = np.array([0.9, 0.8], dtype=np.float32)
    both = score_detections([(found, scores)], [truth], [(200, 200)])
    assert (both.recall, both.recall_big, both.boxes) == (1.0, 1.0, 2)
    one = score_detections([(found, scores)], [truth], [(200, 200)], budget=1)
    assert (one.recall, one.recall_big) == (0.5, 1.0)
    assert one.ap50 == pytest.approx(1.0)


def test_class_free_stream_in_pixels_of_the_picture():
    pixels = np.zeros((100, 200, 3), dtype=np.uint8)

    def run(images):
        assert images.shape == (1, 3, 100, 100)
        found = boxes([10, 10, 30, 30], [10, 10, 30, 29], [40, 40, 50, 50])
        return found[None], np.array([[0.9, 0.8, 0.7]], np.float32), np.array([[0, 0, 3]], np.int32)

    find = class_free(run, 100)
    found, scores = find(pixels)
    np.testing.assert_allclose(found, [[20, 20, 60, 60]])
    assert scores.tolist() == pytest.approx([0.9])
    assert evaluate_detector(find, [(pixels, boxes([20, 20, 60, 60]))]).recall == 1.0
