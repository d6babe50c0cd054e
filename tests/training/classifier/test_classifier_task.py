"""The classifier's training on features: targets, the loss by hand, folds, and a run that learns a tag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.taxonomy import INTENTS, TAGS

torch = pytest.importorskip("torch")

from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture  # noqa: E402
from whatsit.models.classifier import FEATURES  # noqa: E402
from whatsit.training.classifier import task as trainer  # noqa: E402
from whatsit.training.classifier.frozen_features import SeenViews  # noqa: E402
from whatsit.training.classifier.recipe import ClassifierRecipe  # noqa: E402
from whatsit.training.classifier.task import ClassifierTask  # noqa: E402
from whatsit.training.classifier.validation_fold import in_fold  # noqa: E402

ROWS: list[tuple[str, str, str]] = [("imagenet", "other", "pet")] * 6 + [("grocery", "goods", "milk and dairy")] * 6
RECIPE = ClassifierRecipe(views=2, hidden=8, batch=24, steps_per_epoch=10, dropout=0)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClassifierTask:
    """Two kinds of pictures whose features differ in sign; the teacher calls every one of them a toy."""
    rng = np.random.default_rng(0)
    pictures = [TaggedPicture(tmp_path / f"{i}.jpg", *row) for i, row in enumerate(ROWS)]
    features = rng.normal(0, 0.1, (2, 12, FEATURES)) + np.where(np.arange(12) < 6, 0.5, -0.5)[:, None]
    tags = np.tile(np.eye(len(TAGS), dtype=np.float32)[TAGS.index("toy")], (2, 12, 1))
    intents = np.tile(np.eye(len(INTENTS), dtype=np.float32)[INTENTS.index("goods")], (2, 12, 1))
    sources = np.array([[0] * 12, [2] * 12])
    seen = SeenViews(features.astype(np.float16), sources, tags, intents)
    monkeypatch.setattr(trainer, "training_pictures", lambda *_: pictures)
    monkeypatch.setattr(trainer, "see_views", lambda *_: seen)
    untrained = trainer.Classifier
    monkeypatch.setattr(trainer, "Classifier", lambda _, *rest: untrained(None, *rest))
    torch.manual_seed(0)
    return ClassifierTask(RECIPE, tmp_path, tmp_path, tmp_path, None)  # type: ignore[arg-type]


def test_the_teacher_has_its_part_of_imagenet_photos_alone(task: ClassifierTask) -> None:
    batch = task.batch(3)
    imagenet = batch["imagenet"].numpy().astype(bool)
    assert 0 < imagenet.sum() < 24
    tag, intent = batch["tag"].numpy(), batch["intent"].numpy()
    np.testing.assert_allclose(tag[imagenet, TAGS.index("toy")], RECIPE.teacher_tags, rtol=1e-6)
    np.testing.assert_allclose(tag[imagenet, TAGS.index("pet")], 1 - RECIPE.teacher_tags, rtol=1e-5)
    np.testing.assert_allclose(tag[~imagenet, TAGS.index("milk and dairy")], 1)
    np.testing.assert_allclose(intent[imagenet, INTENTS.index("goods")], RECIPE.teacher_intents)
    np.testing.assert_allclose(intent.sum(axis=1), 1)
    assert set(batch["source"].tolist()) == {0, 2}
    assert torch.equal(task.batch(3)["features"], batch["features"])
    assert not torch.equal(task.batch(4)["features"], batch["features"])


def test_the_loss_by_hand(task: ClassifierTask) -> None:
    torch.manual_seed(1)
    torch.nn.init.normal_(task.network.heads["tag"].weight)
    batch = task.batch(0)
    total, parts = task.loss(batch)
    with torch.no_grad():
        logits = {name: value.double().numpy() for name, value in task.network.answer(batch["features"]).items()}
    targets = {name: value.double().numpy() for name, value in batch.items()}
    log = {name: v - np.log(np.exp(v).sum(axis=1, keepdims=True)) for name, v in logits.items()}
    weight = np.array([1.0 if name == "other" else RECIPE.sought_weight for name in INTENTS])
    added = logits["correction"] - logits["correction"].mean(axis=1, keepdims=True)
    expected = {
        "tag": -(targets["tag"] * log["tag"]).sum(axis=1).mean(),
        "intent": -(weight * targets["intent"] * log["intent"]).sum(axis=1).mean(),
        "source": -log["source"][np.arange(24), batch["source"].numpy()].mean(),
        "stay": RECIPE.stay * ((added**2).mean(axis=1) * targets["imagenet"]).mean(),
    }
    assert parts == pytest.approx(expected, rel=1e-4)
    assert total.item() == pytest.approx(sum(expected.values()), rel=1e-4)


def test_the_heads_learn_and_the_backbone_stays(task: ClassifierTask) -> None:
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    optimizer = torch.optim.AdamW(task.parameter_groups())
    losses = []
    for batch in [*task.batches(0, 0), *task.batches(1, 0)]:
        loss, _ = task.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    changed = {name for name, value in task.network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith(("heads.", "hidden.")) for name in changed)


def test_a_fold_is_every_fifth_of_each_group() -> None:
    pictures = [TaggedPicture(Path(f"{i}.jpg"), *row) for i, row in enumerate(ROWS)]
    np.testing.assert_array_equal(np.flatnonzero(in_fold(pictures, 0)), [0, 5, 6, 11])
    np.testing.assert_array_equal(np.flatnonzero(in_fold(pictures, 3)), [3, 9])
    assert not in_fold(pictures, None).any()
