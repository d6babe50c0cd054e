import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.anchors import make_anchors  # noqa: E402  # after importorskip
from whatsit.training.detector.assigners.atss import BACKGROUND, assign  # noqa: E402
from whatsit.training.detector.losses.giou import pairwise_iou  # noqa: E402

SIZES = [(8, 8), (4, 4)]
COUNTS = [64, 16]
ANCHORS = make_anchors(SIZES, [8, 16])


def by_hand(boxes, candidates):
    """ATSS, written with loops from the paper's algorithm 1."""
    anchors = ANCHORS.numpy().astype(np.float64)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    best = {}
    for g, box in enumerate(boxes):
        middle = (box[:2] + box[2:]) / 2
        chosen, start = [], 0
        for count in COUNTS:
            distance = np.linalg.norm(centres[start : start + count] - middle, axis=1)
            chosen += list(start + np.argsort(distance, kind="stable")[:candidates])
            start += count
        overlap = []
        for a in chosen:
            w = max(0, min(anchors[a, 2], box[2]) - max(anchors[a, 0], box[0]))
            h = max(0, min(anchors[a, 3], box[3]) - max(anchors[a, 1], box[1]))
            areas = np.prod(anchors[a, 2:] - anchors[a, :2]) + np.prod(box[2:] - box[:2])
            overlap.append(w * h / (areas - w * h))
        threshold = np.mean(overlap) + np.std(overlap, ddof=1)
        for a, value in zip(chosen, overlap, strict=True):
            inside = (centres[a] > box[:2]).all() and (centres[a] < box[2:]).all()
            if value >= threshold and inside and value > best.get(a, (-1, -1))[0]:
                best[a] = (value, g)
    return {a: g for a, (_, g) in best.items()}


def test_agrees_with_the_paper_written_as_loops():
    rng = np.random.default_rng(3)
    for _ in range(20):
        low = rng.uniform(0, 30, size=(3, 2))
        boxes = np.concatenate([low, low + rng.uniform(12, 34, size=(3, 2))], axis=1).astype(np.float32)
        expected = by_hand(boxes.astype(np.float64), 4)
        if set(expected.values()) != {0, 1, 2}:
            continue  # a box without an anchor is the deviation that another test covers
        matched = assign(ANCHORS, COUNTS, torch.from_numpy(boxes), candidates=4)
        got = {a: int(g) for a, g in enumerate(matched) if g != BACKGROUND}
        assert got == expected


def test_a_box_of_an_anchors_size_takes_that_anchor():
    matched = assign(ANCHORS, COUNTS, ANCHORS[27:28], candidates=9)
    assert matched[27] == 0
    assert (matched[64:] == BACKGROUND).all()  # anchors of the other level fit worse


def test_a_tiny_box_between_centres_still_gets_an_anchor():
    matched = assign(ANCHORS, COUNTS, torch.tensor([[30.0, 30.0, 33.0, 33.0]]))
    assert (matched == 0).sum() == 1


def test_nothing_to_find_is_all_background():
    assert (assign(ANCHORS, COUNTS, torch.zeros(0, 4)) == BACKGROUND).all()


def test_pairwise_iou_by_hand():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    b = torch.tensor([[1.0, 1.0, 3.0, 3.0], [5.0, 5.0, 6.0, 6.0]])
    np.testing.assert_allclose(pairwise_iou(a, b).numpy(), [[1 / 7, 0.0]], rtol=1e-6)
