"""Each switch of the recipe trains, resumes exactly and leaves a network of the same contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402 (after the skip)

from whatsit.training.common import run_checkpoint as checkpoint  # noqa: E402
from whatsit.training.common.loop import fit  # noqa: E402
from whatsit.training.embedder.losses.multi_task import MultiTask  # noqa: E402
from whatsit.training.embedder.recipe import EmbedderRecipe, Shares  # noqa: E402
from whatsit.training.embedder.task import EmbedderTask  # noqa: E402

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch": 8,
    "size": 32,
    "dimension": 4,
    "frozen_blocks": 17,
    "warmup_steps": 0,
    "validate_every": 9,
    "held_out_photos": 0.34,
    "shares": Shares(photos=0.5, shop=0.25, clothing=0, scenes=0.25, rendered=0),
}
TASKS = ("category", "department", "viewpoint")
QUIET = Console(quiet=True)


class Measured(EmbedderTask):
    """Measures nothing: these tests are about training."""

    def validate(self) -> dict[str, float]:
        return {"loss_of_nothing": 0.0}


def task(data: Path, **changes: Any) -> EmbedderTask:
    torch.manual_seed(0)
    return Measured(EmbedderRecipe(**{**TINY, **changes}), data, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"class_loss": "sphereface", "margin": 2, "pair_loss": "lifted_structure", "attention": "both"},
        {"tasks": TASKS, "erasing": "random"},
        {"mutual": "mobilenet_v2", "mutual_size": 64, "mutual_dimension": 6, "erasing": "adversarial"},
        {"mining": "layered_dbscan", "erasing": "bernoulli"},
    ],
)
@pytest.mark.slow
def test_a_switch_gives_a_loss_that_moves_what_is_new(data: Path, changes: dict[str, Any]) -> None:
    trained = task(data, **changes)
    batch = next(iter(trained.batches(0, 0)))
    loss, shown = trained.loss(batch)
    loss.backward()
    still = [name for name, p in trained.module.named_parameters() if p.requires_grad and p.grad is None]
    assert not still
    switches = {"pairs": "pair_loss", "tasks": "tasks", "mutual": "mutual"}
    assert set(shown) == {name for name, switch in switches.items() if switch in changes}
    grouped = [id(p) for group in trained.parameter_groups() for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in trained.module.parameters() if p.requires_grad)


@pytest.mark.slow
def test_a_resumed_run_with_state_in_its_switches_equals_an_uninterrupted_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"tasks": TASKS, "task_weighting": "trend", "task_interval": 1, "mining": "layered_dbscan"}
    changes |= {"erasing": "random", "mining_layers": (0.5, 1.0)}
    recipe = task(data, **changes).recipe
    whole = task(data, **changes)
    fit(whole, recipe, tmp_path / "whole", console=QUIET)

    part, steps = task(data, **changes), 0
    plain = EmbedderTask.loss

    def interrupted(self: EmbedderTask, batch: Any) -> Any:
        nonlocal steps
        steps += 1
        if self is part and steps == 3:  # within an epoch, after two saved steps
            raise KeyboardInterrupt
        return plain(self, batch)

    monkeypatch.setattr(EmbedderTask, "loss", interrupted)
    often = recipe.model_copy(update={"checkpoint_minutes": 1e-9})
    with pytest.raises(KeyboardInterrupt):
        fit(part, often, tmp_path / "part", console=QUIET)
    rest = task(data, **changes)
    fit(rest, often, tmp_path / "part", resume=True, console=QUIET)
    first, second = (checkpoint.load(tmp_path / name / checkpoint.LAST)["module"] for name in ("whole", "part"))
    assert {"groups.of_class", "tasks.trend.weights"} <= set(first)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, msg=name)


def test_trend_weights_look_at_held_out_photos_and_shop_images(data: Path) -> None:
    trained = task(data, tasks=TASKS, task_weighting="trend")
    features, labels = trained._held_out()
    assert features.shape == (2 * 3 + 3, 1280)  # two photos of each class, and the shop images
    assert sorted(labels[0].tolist()) == [0] * 3 + [1] * 3 + [2] * 3
    assert labels[2].tolist() == [0] * 6 + [1] * 3
    assert isinstance(trained.tasks, MultiTask)
    assert torch.isfinite(trained.tasks.losses(features, labels)).all()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"class_loss": "sphereface", "margin": 0.1}, "sphereface"),
        ({"margin": 2}, "at most 1"),
        ({"tasks": TASKS, "task_weighting": "trend", "held_out_photos": 0}, "held_out_photos"),
        ({"mining_layers": (0.5, 0.2)}, "ascending"),
        ({"size": 64, "mutual_size": 32}, "mutual_size"),
    ],
)
def test_switches_that_do_not_fit_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        EmbedderRecipe(**{**TINY, **changes})
