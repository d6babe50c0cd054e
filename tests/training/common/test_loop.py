from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from whatsit_client.errors import Damaged, InvalidInput

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402 (after the skip)

from whatsit.training.common import run_checkpoint as checkpoint  # noqa: E402
from whatsit.training.common.loop import fit  # noqa: E402
from whatsit.training.common.training_recipe import TrainingRecipe  # noqa: E402

RECIPE = TrainingRecipe(epochs=3, warmup_steps=2, monitor="fit", ema_decay=0.9, device="cpu")


class Line:
    """Learns y = 2x with a dropout, so that the random state matters too."""

    steps_per_epoch = 4

    def __init__(self, before_step: Callable[[int, int], None] = lambda epoch, step: None) -> None:
        torch.manual_seed(5)
        self.module: nn.Module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.before_step = before_step

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.module.parameters()), "lr": 0.01}]

    def batches(self, epoch: int, start: int) -> Iterator[Tensor]:
        for step in range(start, self.steps_per_epoch):
            self.before_step(epoch, step)
            yield torch.randn(16, 3, generator=torch.Generator().manual_seed(100 * epoch + step))

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        error = (self.module(batch)[:, 0] - 2 * batch[:, 0]).square().mean()
        return error, {"root": float(error.detach().sqrt())}

    def validate(self) -> dict[str, float]:
        x = torch.linspace(-1, 1, 30).reshape(10, 3)
        return {"fit": -float((self.module(x)[:, 0] - 2 * x[:, 0]).square().mean())}


def _interrupt_at(epoch: int, step: int) -> Callable[[int, int], None]:
    return lambda e, s: os.kill(os.getpid(), signal.SIGINT) if (e, s) == (epoch, step) else None


@pytest.mark.parametrize("place", [(0, 2), (1, 3), (2, 0)])
@pytest.mark.slow
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, place: tuple[int, int]) -> None:
    whole = fit(Line(), RECIPE, tmp_path / "whole")
    first = fit(Line(_interrupt_at(*place)), RECIPE, tmp_path / "parts")
    assert not first.finished
    second = fit(Line(), RECIPE, tmp_path / "parts", resume=True)
    assert second.finished
    assert len(second.history) == RECIPE.epochs
    for name in (checkpoint.LAST, checkpoint.BEST):
        one, other = (checkpoint.load(tmp_path / run / name)["module"] for run in ("whole", "parts"))
        assert all(torch.equal(one[key], other[key]) for key in one)
    unclocked = [{k: v for k, v in row.items() if k != "minutes"} for row in second.history]
    assert unclocked == [{k: v for k, v in row.items() if k != "minutes"} for row in whole.history]


def test_metrics_csv_has_a_row_per_validation(tmp_path: Path) -> None:
    fit(Line(), RECIPE, tmp_path)
    with (tmp_path / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3]
    assert {"minutes", "train_loss", "train_root", "fit"} <= set(rows[0])


def test_best_checkpoint_holds_the_best_monitored_validation(tmp_path: Path) -> None:
    outcome = fit(Line(), RECIPE, tmp_path)
    assert outcome.best["fit"] == max(row["fit"] for row in outcome.history)
    task = Line()
    task.module.load_state_dict(checkpoint.best_weights(tmp_path))
    task.module.eval()
    with torch.no_grad():
        assert task.validate()["fit"] == pytest.approx(outcome.best["fit"])


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    class Stuck(Line):
        def validate(self) -> dict[str, float]:
            return {"fit": 1.0}

    outcome = fit(Stuck(), RECIPE.model_copy(update={"epochs": 50, "patience": 2}), tmp_path)
    assert outcome.finished
    assert len(outcome.history) == 3


def test_time_budget_ends_the_run_and_still_validates(tmp_path: Path) -> None:
    outcome = fit(Line(), RECIPE.model_copy(update={"epochs": 10**6}), tmp_path, max_minutes=0.01)
    assert outcome.finished
    assert outcome.history[-1]["minutes"] == pytest.approx(0.01, rel=0.5)


def test_step_budget_ends_the_run_within_an_epoch_and_its_schedule_with_it(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    task = Line(lambda epoch, step: seen.append((epoch, step)))
    outcome = fit(task, RECIPE, tmp_path / "short", max_steps=6)
    assert outcome.finished
    assert len(seen) == 6
    assert outcome.history[-1]["epoch"] == 2
    assert len(fit(Line(), RECIPE, tmp_path / "long", max_steps=100).history) == RECIPE.epochs


def test_a_finished_run_grows_only_when_more_epochs_are_asked(tmp_path: Path) -> None:
    fit(Line(), RECIPE, tmp_path)
    assert len(fit(Line(), RECIPE, tmp_path, resume=True).history) == 3
    longer = RECIPE.model_copy(update={"epochs": 4})
    assert len(fit(Line(), longer, tmp_path, resume=True).history) == 4


def test_an_earlier_run_is_not_overwritten(tmp_path: Path) -> None:
    fit(Line(), RECIPE, tmp_path)
    with pytest.raises(InvalidInput, match="--resume"):
        fit(Line(), RECIPE, tmp_path)


def test_resume_refuses_what_would_not_continue_the_same_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no checkpoint"):
        fit(Line(), RECIPE, tmp_path, resume=True)
    fit(Line(), RECIPE, tmp_path)
    with pytest.raises(InvalidInput, match="another seed"):
        fit(Line(), RECIPE.model_copy(update={"seed": 9}), tmp_path, resume=True)
    (tmp_path / checkpoint.LAST).write_bytes(b"cut off")
    with pytest.raises(Damaged, match="cannot be read"):
        fit(Line(), RECIPE, tmp_path, resume=True)


def test_a_loss_that_is_not_finite_stops_with_a_sentence(tmp_path: Path) -> None:
    class Exploding(Line):
        def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
            return super().loss(batch)[0] * float("nan"), {}

    with pytest.raises(Damaged, match="learning rates"):
        fit(Exploding(), RECIPE, tmp_path)


def test_bf16_is_a_switch_and_trains(tmp_path: Path) -> None:
    outcome = fit(Line(), RECIPE.model_copy(update={"precision": "bf16", "epochs": 1}), tmp_path)
    assert outcome.finished


def test_a_run_from_before_a_recipe_field_goes_on_with_the_fields_default(tmp_path: Path) -> None:
    fit(Line(), RECIPE, tmp_path)
    saved = checkpoint.load(tmp_path / checkpoint.LAST)
    del saved["recipe"]["clip_norm"]
    checkpoint.save(tmp_path / checkpoint.LAST, saved)
    assert len(fit(Line(), RECIPE, tmp_path, resume=True).history) == 3
    with pytest.raises(InvalidInput, match="another clip_norm"):
        fit(Line(), RECIPE.model_copy(update={"clip_norm": 1.0}), tmp_path, resume=True)
