import numpy as np
import pytest

torch = pytest.importorskip("torch")

from whatsit.models.anchors import make_anchors  # noqa: E402  # after importorskip
from whatsit.models.product_labels import NO_PRODUCT, UNKNOWN  # noqa: E402
from whatsit.models.retinanet import DenseOutput  # noqa: E402
from whatsit.training.detector.assigners.atss import assign  # noqa: E402
from whatsit.training.detector.losses.detection_loss import BoxTargets, detection_loss  # noqa: E402

ANCHORS = make_anchors([(4, 4)], [8])


def output(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return DenseOutput(
        torch.randn(1, 16, generator=generator),
        torch.randn(1, 16, 2, generator=generator),
        torch.zeros(1, 16, 4),
        ANCHORS,
    )


def target(boxes, labels, doubtful=()):
    return BoxTargets(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(doubtful, dtype=torch.float32).reshape(-1, 4),
    )


def focal(logit, target):
    s = 1 / (1 + np.exp(-logit))
    return -(np.abs(target - s) ** 2) * ((1 - target) * np.log(1 - s) + target * np.log(s))


def test_parts_by_hand():
    dense, box = output(), [6.0, 6.0, 34.0, 34.0]
    parts = detection_loss(dense, [target([box], [2])], [16])
    matched = assign(ANCHORS, [16], torch.tensor([box])).numpy()
    quality = np.zeros(16)
    for a in np.flatnonzero(matched == 0):
        anchor = ANCHORS[a].numpy()
        w, h = np.minimum(anchor[2:], box[2:]) - np.maximum(anchor[:2], box[:2])
        quality[a] = w * h / (32 * 32 + 28 * 28 - w * h)
    positives = (matched == 0).sum()
    assert positives > 0
    expected_object = focal(dense.objects[0].numpy(), quality).sum() / positives
    wanted = np.stack([np.zeros(16), quality], axis=1)  # label 2 is the second class
    expected_product = focal(dense.classes[0].numpy(), wanted).sum() / positives
    assert parts["object"].item() == pytest.approx(expected_object, rel=1e-4)
    assert parts["product"].item() == pytest.approx(expected_product, rel=1e-4)
    assert parts["box"].item() > 0


def test_a_picture_without_things_teaches_background_alone():
    dense = output()
    parts = detection_loss(dense, [target([], [])], [16])
    assert parts["object"].item() == pytest.approx(focal(dense.objects[0].numpy(), 0.0).sum(), rel=1e-4)
    assert parts["box"].item() == 0


def test_doubtful_places_teach_nothing():
    whole = [[-100.0, -100.0, 200.0, 200.0]]
    parts = detection_loss(output(), [target([], [], whole)], [16])
    assert parts["object"].item() == 0
    assert parts["product"].item() == 0


def test_unknown_products_are_objects_that_teach_no_class():
    box = [[6.0, 6.0, 34.0, 34.0]]
    unknown = detection_loss(output(), [target(box, [UNKNOWN])], [16])
    other = detection_loss(output(), [target(box, [NO_PRODUCT])], [16])
    assert unknown["object"].item() == pytest.approx(other["object"].item())
    assert unknown["product"].item() < other["product"].item()


def weighted(boxes, labels, weights, background=()):
    plain = target(boxes, labels)
    windows = torch.tensor(background, dtype=torch.float32).reshape(-1, 5)
    return BoxTargets(plain.boxes, plain.labels, plain.doubtful, torch.tensor(weights), windows)


SURE, WEAK = [6.0, 6.0, 34.0, 34.0], [0.0, 16.0, 16.0, 32.0]


@pytest.mark.parametrize("level_sizes", [[16], None])
def test_a_box_of_weight_0_is_absent_in_loss_and_gradient(level_sizes):
    def learn(one):
        dense = output()
        parts = [part.requires_grad_() for part in dense[:3]]
        total = sum(detection_loss(dense, [one], level_sizes).values())
        total.backward()
        return [total.detach(), *(part.grad for part in parts)]

    absent = learn(target([SURE], [2]))
    for found, wanted in zip(learn(weighted([SURE, WEAK], [2, 1], [1.0, 0.0])), absent, strict=True):
        assert torch.equal(found, wanted)
    for found, wanted in zip(learn(weighted([SURE], [2], [1.0])), absent, strict=True):
        assert torch.equal(found, wanted)
    assert not torch.equal(learn(weighted([SURE, WEAK], [2, 1], [1.0, 0.5]))[0], absent[0])


def test_the_weight_multiplies_the_loss_of_the_box():
    whole = [[-100.0, -100.0, 200.0, 200.0, 0.0]]  # background teaches nothing, so the box alone is left
    sizes = {w: detection_loss(output(), [weighted([SURE], [2], [w], whole)], [16]) for w in (0.05, 0.1)}
    for name in ("object", "product", "box"):
        assert sizes[0.1][name].item() == pytest.approx(2 * sizes[0.05][name].item(), rel=1e-4)


def test_background_counts_by_its_window():
    left = [[0.0, -50.0, 16.0, 50.0, 0.25]]
    dense = output()
    parts = detection_loss(dense, [weighted([], [], [], left)], [16])
    centre = ((ANCHORS[:, 0] + ANCHORS[:, 2]) / 2).numpy()
    factor = np.where((centre >= 0) & (centre < 16), 0.25, 1.0)
    assert set(factor) == {0.25, 1.0}
    expected = (focal(dense.objects[0].numpy(), 0.0) * factor).sum()
    assert parts["object"].item() == pytest.approx(expected, rel=1e-4)
