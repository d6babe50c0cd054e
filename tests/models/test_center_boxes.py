import numpy as np

from whatsit.models.center_boxes import center_boxes


def maps(height=4, width=5):
    return (
        np.zeros((24, height, width), np.float32),
        np.full((2, height, width), 16, np.float32),
        np.full((2, height, width), 0.5, np.float32),
    )


def test_a_peak_is_a_box_around_its_centre_in_pixels():
    heat, size, offset = maps()
    heat[0, 1, 3], heat[0, 1, 2], heat[7, 1, 3] = 0.9, 0.8, 0.6
    size[:, 1, 3], offset[:, 1, 3] = (20, 10), (0.25, -1.0)
    found = center_boxes(heat, size, offset, window=3)
    np.testing.assert_allclose(found.boxes, [[26 - 10, 0 - 5, 26 + 10, 0 + 5]])
    assert found.scores.tolist() == [np.float32(0.9)]
    assert found.labels.tolist() == [7]


def test_equal_neighbours_both_count_in_reading_order_and_the_rest_is_cut():
    heat, size, offset = maps()
    heat[0, 2, 1] = heat[0, 2, 2] = 0.5
    heat[0, 0, 4] = 0.7
    assert center_boxes(heat, size, offset).boxes[:, 0].tolist() == [28, 4, 12]
    assert len(center_boxes(heat, size, offset, top=2).boxes) == 2
    assert center_boxes(heat, size, offset, min_score=0.6).labels.tolist() == [0]
    assert center_boxes(heat, size, offset, min_score=0.8).boxes.shape == (0, 4)


def test_without_a_window_every_sure_cell_is_a_box():
    heat, size, offset = maps()
    heat[0, 1, 3], heat[0, 1, 2] = 0.9, 0.8
    assert len(center_boxes(heat, size, offset).boxes) == 2
    assert len(center_boxes(heat, size, offset, window=3).boxes) == 1


def test_peaks_are_those_of_a_max_pool():
    rng = np.random.default_rng(0)
    heat, size, offset = maps(9, 7)
    heat[0] = rng.random((9, 7), dtype=np.float32)
    want = {
        (y, x)
        for y in range(9)
        for x in range(7)
        if heat[0, y, x] >= heat[0, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
    }
    boxes = center_boxes(heat, size, offset, min_score=0.0, window=3).boxes
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / 8 - 0.5
    assert {(int(y), int(x)) for x, y in middle} == want
