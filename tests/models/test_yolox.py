import numpy as np

from whatsit.models.yolox import COCO_NAMES, Yolox, decode_yolox


def raw_output(size):
    cells = sum((size // s) ** 2 for s in (8, 16, 32))
    return np.zeros((cells, 85), dtype=np.float32)


def test_decoding_one_cell_by_hand():
    raw = raw_output(64)
    raw[8 * 8 + 5, :5] = [0.5, 0.25, np.log(2), np.log(3), 0.5]  # second level (stride 16, 4 cells a row), cell (1, 1)
    raw[8 * 8 + 5, 5 + 39] = 0.8
    boxes, scores = decode_yolox(raw, 64)
    np.testing.assert_allclose(boxes[69], [24 - 16, 20 - 24, 24 + 16, 20 + 24], atol=1e-4)
    assert scores[69].argmax() == COCO_NAMES.index("bottle")
    np.testing.assert_allclose(scores[69].max(), 0.4)


def test_boxes_come_back_in_pixels_of_the_picture():
    def run(images):
        assert images.shape == (1, 3, 64, 64)
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images[0, :, 0, 0], [3, 2, 1])  # BGR
        raw = raw_output(64)
        raw[0, :5] = [1.0, 1.0, np.log(2), np.log(2), 0.9]
        raw[1, :5] = [0.0, 1.0, np.log(2), np.log(2), 0.8]  # the same place: suppressed
        raw[:2, 5] = 1.0
        return raw[None]

    pixels = np.full((64, 128, 3), (1, 2, 3), dtype=np.uint8)
    found = Yolox(run, 64).detect(pixels)
    np.testing.assert_allclose(found.boxes, [[0, 0, 32, 32]])  # 8 +- 8 at half scale
    np.testing.assert_allclose(found.scores, [0.9])
    assert found.labels.tolist() == [0]
