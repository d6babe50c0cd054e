from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from whatsit_client.errors import InvalidInput

torch = pytest.importorskip("torch")

from whatsit.models.embedder import Embedder  # noqa: E402 (after the skip)
from whatsit.training.common import run_checkpoint as checkpoint  # noqa: E402
from whatsit.training.embedder.recipe import EmbedderRecipe, Shares  # noqa: E402
from whatsit.training.embedder.task import EmbedderTask, train_embedder  # noqa: E402

TINY = EmbedderRecipe(
    epochs=2,
    batch=8,
    size=32,
    dimension=4,
    frozen_blocks=17,
    warmup_steps=0,
    shares=Shares(photos=0.5, shop=0.25, clothing=0, scenes=0.25, rendered=0),
)


@pytest.mark.usefixtures("small_start")
@pytest.mark.slow
def test_training_leaves_a_network_that_its_recipe_rebuilds(data: Path, tmp_path: Path) -> None:
    outcome = train_embedder(TINY, data, tmp_path, tmp_path / "run")
    assert outcome.finished
    assert {"val_r1", "val_r5", "train_loss"} <= set(outcome.history[-1])
    network = Embedder.from_recipe(checkpoint.load(tmp_path / "run" / checkpoint.BEST)["recipe"])
    weights = checkpoint.best_weights(tmp_path / "run")
    prefix = "network."
    network.load_state_dict({n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)})
    with torch.no_grad():
        vectors = network.eval()(torch.rand(2, 3, 32, 32))
    assert vectors.shape == (2, TINY.dimension)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


@pytest.mark.usefixtures("small_start")
@pytest.mark.slow
def test_blend_lies_between_start_and_trained(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_embedder(TINY.model_copy(update={"blend": 0.5}), data, tmp_path, out)
    start, trained, best = (checkpoint.load(out / f"{name}.pt")["module"] for name in ("start", "trained", "best"))
    name = "network.head.weight"
    torch.testing.assert_close(best[name], (start[name] + trained[name]) / 2)
    train_embedder(TINY.model_copy(update={"blend": 0.5}), data, tmp_path, out, resume=True)
    assert torch.equal(checkpoint.load(out / "best.pt")["module"][name], best[name])


@pytest.mark.usefixtures("small_start")
def test_start_points_class_vectors_at_their_pictures(data: Path, tmp_path: Path) -> None:
    task = EmbedderTask(TINY, data, tmp_path)
    task.network.eval()
    task.start(Console(quiet=True))
    shop = task.validation.measure(task.network)
    vectors = torch.nn.functional.normalize(task.criterion.W, dim=0)
    assert vectors.shape == (TINY.dimension, 3 + 4)
    assert 0 <= shop["val_r1"] <= shop["val_r5"] == 1.0


@pytest.mark.usefixtures("small_start")
def test_held_out_classes_and_photos_are_not_trained_on(data: Path, tmp_path: Path) -> None:
    task = EmbedderTask(TINY.model_copy(update={"held_out_classes": (1,), "held_out_photos": 0.34}), data, tmp_path)
    trained = {path for i in task.ingredients for path in i.source.files}
    measured = {path for photos in task.parts.measured().values() for path in photos.files}
    assert not trained & measured
    assert not any("Melon" in path.name for path in trained)
    assert set(task.parts.measured()) == {"val", "held_out", "unseen"}


@pytest.mark.usefixtures("small_start")
@pytest.mark.slow
def test_a_run_starts_from_an_earlier_one(data: Path, tmp_path: Path) -> None:
    train_embedder(TINY, data, tmp_path, tmp_path / "first")
    first = tmp_path / "first" / checkpoint.BEST
    changes = {"epochs": 1, "align_weight": 1.0, "simclr_weight": 0.1, "photographed": 0.5, "start": str(first)}
    recipe = TINY.model_copy(update=changes)
    train_embedder(recipe, data, tmp_path, tmp_path / "second")
    start, best = (checkpoint.load(path)["module"] for path in (tmp_path / "second" / "start.pt", first))
    assert all(torch.equal(start[name], value) for name, value in best.items())
    fewer = recipe.model_copy(update={"shares": recipe.shares.model_copy(update={"scenes": 0})})
    train_embedder(fewer, data, tmp_path, tmp_path / "third")
    third = checkpoint.load(tmp_path / "third" / "start.pt")["module"]
    assert all(torch.equal(third[name], value) for name, value in best.items() if name.startswith("network."))
    assert third["criterion.W"].shape != best["criterion.W"].shape


@pytest.mark.usefixtures("small_start")
@pytest.mark.slow
def test_groceries_that_an_earlier_run_left_out_start_at_their_pictures(data: Path, tmp_path: Path) -> None:
    """The earlier run has their class vectors too, but it drew them at random."""
    others = Shares(photos=0, shop=0, clothing=0, scenes=1, rendered=0)
    train_embedder(TINY.model_copy(update={"shares": others, "epochs": 1}), data, tmp_path, tmp_path / "first")
    first = tmp_path / "first" / checkpoint.BEST
    train_embedder(TINY.model_copy(update={"epochs": 1, "start": str(first)}), data, tmp_path, tmp_path / "second")
    earlier, start = (checkpoint.load(path)["module"] for path in (first, tmp_path / "second" / "start.pt"))
    assert torch.equal(start["criterion.W"][:, 3:], earlier["criterion.W"][:, 3:]), "scenes keep theirs"
    assert not torch.equal(start["criterion.W"][:, :3], earlier["criterion.W"][:, :3])
    assert torch.equal(start["network.head.weight"], earlier["network.head.weight"])


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="grocery_store"):
        train_embedder(TINY, tmp_path, tmp_path, tmp_path / "run")
