import contextlib
import io

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


def test_matches_recall_and_precision_of_cocoeval():
    """COCOeval (maxDets 20, IoU 0.5, one class) matches the same boxes; its AP samples the same curve."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(4)
    found, truth, sides = [], [], []
    for _ in range(12):
        corners = rng.uniform(0, 80, (int(rng.integers(1, 6)), 2)).astype(np.float32)
        true = np.concatenate([corners, corners + rng.uniform(10, 60, corners.shape)], axis=1).astype(np.float32)
        guesses = np.concatenate([true + rng.normal(0, 5, true.shape), true + rng.normal(0, 25, true.shape)])
        guesses[:, 2:] = np.maximum(guesses[:, 2:], guesses[:, :2] + 1)
        scores = np.sort(rng.random(len(guesses)))[::-1]
        found.append((guesses.astype(np.float32), scores.astype(np.float32)))
        truth.append(true)
        sides.append((150, 150))
    ours = score_detections(found, truth, sides)

    def rows(boxes, image, first):
        sizes = boxes[:, 2:] - boxes[:, :2]
        return [
            {"id": first + k, "image_id": image, "category_id": 1, "iscrowd": 0, "area": float(w * h),
             "bbox": [float(x), float(y), float(w), float(h)]}
            for k, ((x, y), (w, h)) in enumerate(zip(boxes[:, :2], sizes, strict=True))
        ]  # fmt: skip

    data = coco.COCO()
    data.dataset = {"images": [{"id": i} for i in range(12)], "categories": [{"id": 1, "name": "object"}]}
    data.dataset["annotations"] = [row for i, true in enumerate(truth) for row in rows(true, i, 1 + 100 * i)]
    guesses = [
        {**row, "score": float(score)}
        for i, (boxes_of, scores) in enumerate(found)
        for row, score in zip(rows(boxes_of, i, 1), scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        examined = cocoeval.COCOeval(data, data.loadRes(guesses), "bbox")
        examined.params.iouThrs, examined.params.maxDets = np.array([0.5]), [20]
        examined.params.areaRng, examined.params.areaRngLbl = [[0, 1e10]], ["all"]
        examined.evaluate()
        examined.accumulate()
    for image, (boxes_of, _) in zip(examined.evalImgs, found, strict=True):
        theirs = image["dtMatches"][0] > 0
        np.testing.assert_array_equal(match(boxes_of, truth[image["image_id"]]) >= 0, theirs)
    assert 0.3 < ours.recall < 1.0
    assert ours.recall == pytest.approx(float(examined.eval["recall"][0, 0, 0, 0]), abs=1e-6)
    hits = np.concatenate([image["dtMatches"][0] > 0 for image in examined.evalImgs])
    scores = np.concatenate([image["dtScores"] for image in examined.evalImgs]).astype(np.float32)
    assert ours.ap50 == pytest.approx(average_precision(hits, scores, ours.boxes), abs=1e-6)
    # 101 recalls instead of the whole curve: close, but not the same figure.
    assert ours.ap50 == pytest.approx(float(examined.eval["precision"][0, :, 0, 0, 0].mean()), abs=0.02)
