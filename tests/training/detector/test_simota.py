import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.anchors import make_anchors  # noqa: E402  # after importorskip
from whatsit.training.detector.assigners.atss import BACKGROUND  # noqa: E402
from whatsit.training.detector.assigners.simota import assign_simota  # noqa: E402

CELLS = make_anchors([(8, 8), (4, 4)], [8, 16], scale=1.0)


def overlaps(a, b):
    w, h = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)


def by_hand(cells, objects, placed, boxes):
    """The paper's procedure, one cell after the other."""
    wanted = [-1] * len(cells)
    price = [np.inf] * len(cells)
    centres = (cells[:, :2] + cells[:, 2:]) / 2
    strides = cells[:, 2] - cells[:, 0]
    inside = [[(c > box[:2]).all() and (c < box[2:]).all() for c in centres] for box in boxes]
    near = [
        [(np.abs(c - (box[:2] + box[2:]) / 2) < 2.5 * s).all() for c, s in zip(centres, strides, strict=True)]
        for box in boxes
    ]
    rivals = [a for a in range(len(cells)) if any(inside[g][a] or near[g][a] for g in range(len(boxes)))]
    for g, box in enumerate(boxes):
        iou = {a: overlaps(placed[a], box) for a in rivals}
        cost = {
            a: np.log1p(np.exp(-objects[a])) - 3 * np.log(iou[a] + 1e-8) + (0 if inside[g][a] and near[g][a] else 1e5)
            for a in rivals
        }
        count = max(1, int(sum(sorted(iou.values())[-10:])))
        for a in sorted(rivals, key=cost.get)[:count]:
            if cost[a] < price[a]:
                price[a], wanted[a] = cost[a], g
    return wanted


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_procedure_by_hand(seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 36, size=(3, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(6, 28, size=(3, 2))], axis=1).astype(np.float32)
    nearest = boxes[rng.integers(3, size=len(CELLS))]
    placed = (nearest + rng.normal(0, 4, size=nearest.shape)).astype(np.float32)
    placed[:, 2:] = np.maximum(placed[:, 2:], placed[:, :2] + 1)
    objects = rng.normal(size=len(CELLS)).astype(np.float32)
    got = assign_simota(CELLS, *(torch.from_numpy(x) for x in (objects, placed, boxes)))
    assert got.tolist() == by_hand(CELLS.numpy(), objects, placed, boxes)
    assert (got != BACKGROUND).sum() >= 3


def test_without_boxes_everything_is_background():
    none = torch.zeros(0, 4)
    assert (assign_simota(CELLS, torch.zeros(len(CELLS)), CELLS, none) == BACKGROUND).all()
