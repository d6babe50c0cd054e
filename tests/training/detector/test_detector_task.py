import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402  # after importorskip

from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture  # noqa: E402
from whatsit.models.detector import detector_network  # noqa: E402
from whatsit.training.common.loop import fit  # noqa: E402
from whatsit.training.common.run_checkpoint import best_weights  # noqa: E402
from whatsit.training.common.wise_ft import apply_wise_ft  # noqa: E402
from whatsit.training.detector.recipe import DetectorRecipe  # noqa: E402
from whatsit.training.detector.task import DetectorTask  # noqa: E402

RECIPE = DetectorRecipe(
    epochs=1,
    steps_per_epoch=2,
    batch=2,
    canvas=64,
    sizes=(64,),
    channels=16,
    depth=1,
    frozen_blocks=5,
    shares={"shop": 1.0, "scenes": 1.0},
    warmup_steps=0,
    monitor="recall",
)


@pytest.fixture
def pictures(tmp_path):
    """Bright blocks on dark ground."""
    rng, made = np.random.default_rng(0), []
    for i in range(6):
        pixels = rng.integers(0, 60, size=(64, 64, 3), dtype=np.uint8)
        x, y = (int(v) for v in rng.integers(4, 30, size=2))
        pixels[y : y + 24, x : x + 24] = 230
        path = tmp_path / f"{i}.png"
        cv2.imwrite(str(path), pixels)
        made.append(LabelledPicture(path, np.array([[x, y, x + 24, y + 24]], dtype=np.float32), np.array([1 + i % 2])))
    return made


@pytest.fixture
def task(pictures):
    torch.manual_seed(0)
    return DetectorTask(
        RECIPE, detector_network(RECIPE.model_dump()), {"shop": pictures, "unused": []}, [], {"blocks": pictures}
    )


def test_the_same_step_gives_the_same_batch(task):
    (_, late), (again,) = list(task.batches(0, 0)), list(task.batches(0, 1))
    torch.testing.assert_close(late[0], again[0])
    torch.testing.assert_close(late[1][0][0], again[1][0][0])
    other = next(iter(task.batches(1, 1)))
    assert not torch.equal(other[0], late[0])


def test_frozen_blocks_and_rates(task):
    groups = task.parameter_groups()
    assert {group["lr"] for group in groups} == {RECIPE.backbone_rate, RECIPE.head_rate}
    trained = {id(p) for group in groups for p in group["params"]}
    assert not trained & {id(p) for layer in task.network.backbone.layers[:6] for p in layer.parameters()}
    assert {id(p) for p in task.network.pyramid.parameters()} <= trained


@pytest.mark.slow
def test_steps_on_one_batch_lower_its_loss(task):
    batch = next(iter(task.batches(0, 0)))
    optimizer = torch.optim.AdamW(task.parameter_groups())
    task.module.train()
    losses = []
    for _ in range(8):
        loss, shown = task.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert set(shown) == {"object", "product", "box"}
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_fit_leaves_the_best_weights_and_their_recall(task, tmp_path):
    outcome = fit(task, RECIPE, tmp_path / "run", console=Console(quiet=True))
    assert outcome.finished
    assert 0 <= outcome.best["recall"] <= 1
    saved = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    detector_network(RECIPE.model_dump()).load_state_dict(saved["module"])


@pytest.mark.slow
def test_yolox_nano_trains_by_the_same_steps_and_keeps_its_frozen_blocks(pictures, shared_weights, tmp_path):
    recipe = RECIPE.model_copy(update={"backbone": "csp_nano", "frozen_blocks": 2})
    network = detector_network(recipe.model_dump(), shared_weights)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    task = DetectorTask(recipe, network, {"shop": pictures}, [], {"blocks": pictures})
    rates = {group["lr"]: group["params"] for group in task.parameter_groups()}
    fresh = {id(p) for p in rates[recipe.head_rate]}
    assert {id(p) for name, p in network.named_parameters() if "label_" in name} >= fresh > set()
    outcome = fit(task, recipe, tmp_path / "run", console=Console(quiet=True))
    assert outcome.best["recall"] > 0.5
    after = torch.load(tmp_path / "run" / "best.pt", weights_only=True)["module"]
    for name, value in after.items():
        frozen = name.startswith(("backbone.blocks.0", "backbone.blocks.1", "backbone.blocks.2"))
        assert torch.equal(value, before[name]) == frozen, name


@pytest.mark.slow
def test_blending_takes_the_share_asked_for_and_once_only(task, tmp_path):
    fit(task, RECIPE, tmp_path, console=Console(quiet=True))
    trained = best_weights(tmp_path)
    start = {name: torch.zeros_like(value) for name, value in trained.items()}
    for _ in range(2):
        apply_wise_ft(tmp_path, start, 0.25)
        for name, value in best_weights(tmp_path).items():
            if value.is_floating_point():
                torch.testing.assert_close(value, trained[name] * 0.25)
