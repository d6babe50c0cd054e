from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from whatsit_client.errors import InvalidInput

torch = pytest.importorskip("torch")

from whatsit.models.embedder import Embedder  # noqa: E402 (after the skip)
from whatsit.training import checkpoint  # noqa: E402
from whatsit.training.embedder import EmbedderTask, train_embedder  # noqa: E402
from whatsit.training.embedder_recipe import EmbedderRecipe, Shares  # noqa: E402

TINY = EmbedderRecipe(
    epochs=2,
    batch=8,
    size=32,
    dimension=4,
    frozen_blocks=17,
    warmup_steps=0,
    shares=Shares(photos=0.5, shop=0.25, clothing=0, scenes=0.25, rendered=0),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three products in a folder laid out as the real data set, and some scenes."""
    folder = tmp_path_factory.mktemp("data")
    grocery, rng = folder / "grocery_store", np.random.default_rng(0)
    rows, splits = [], {"train": [], "val": []}
    for label, name in enumerate(("Apple", "Melon", "Milk")):
        colour = np.array([40, 110, 200])[np.roll(range(3), label)]
        for split, count in (("train", 6), ("val", 2)):
            for number in range(count):
                path = Path(split) / f"{name}_{number}.jpg"
                _write(grocery / path, colour + rng.integers(-20, 20, 3))
                splits[split].append(f"{path}, {label}, {label}")
        _write(grocery / f"shop/Fruit/{name}.jpg", colour)
        rows.append(f"{name},{label},{name},{label},/shop/Fruit/{name}.jpg,/shop/Fruit/{name}.txt")
    for split, lines in splits.items():
        (grocery / f"{split}.txt").write_text("\n".join(lines))
    header = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)"
    paths = "Iconic Image Path (str),Product Description Path (str)"
    (grocery / "classes.csv").write_text("\n".join([f"{header},{paths}", *rows]))
    for number in range(4):
        _write(folder / f"imagenet_sample/{number}.jpg", rng.integers(0, 255, 3))
    return folder


def _write(path: Path, colour: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 50, 3), colour.clip(0, 255), np.uint8))


@pytest.fixture
def small_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from random weights: the tests must not need the real ones."""
    original = Embedder.__init__
    monkeypatch.setattr(Embedder, "__init__", lambda self, dimension=128, weights=None: original(self, dimension))


@pytest.mark.usefixtures("small_start")
def test_training_leaves_a_network_that_its_recipe_rebuilds(data: Path, tmp_path: Path) -> None:
    outcome = train_embedder(TINY, data, tmp_path, tmp_path / "run")
    assert outcome.finished
    assert {"val_r1", "val_r5", "train_loss"} <= set(outcome.history[-1])
    network = Embedder.from_recipe(checkpoint.load(tmp_path / "run" / checkpoint.BEST)["recipe"])
    network.load_state_dict(checkpoint.network_weights(tmp_path / "run"))
    with torch.no_grad():
        vectors = network.eval()(torch.rand(2, 3, 32, 32))
    assert vectors.shape == (2, TINY.dimension)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


@pytest.mark.usefixtures("small_start")
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
def test_a_run_starts_from_an_earlier_one_of_the_same_classes(data: Path, tmp_path: Path) -> None:
    train_embedder(TINY, data, tmp_path, tmp_path / "first")
    recipe = TINY.model_copy(update={"epochs": 1, "align_weight": 1.0, "twin_weight": 0.1, "photographed": 0.5})
    first = tmp_path / "first" / checkpoint.BEST
    train_embedder(recipe, data, tmp_path, tmp_path / "second", start_from=first)
    start, best = (checkpoint.load(path)["module"] for path in (tmp_path / "second" / "start.pt", first))
    assert all(torch.equal(start[name], value) for name, value in best.items())
    fewer = recipe.model_copy(update={"shares": recipe.shares.model_copy(update={"scenes": 0})})
    with pytest.raises(InvalidInput, match="other classes"):
        train_embedder(fewer, data, tmp_path, tmp_path / "third", start_from=first)


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="grocery_store"):
        train_embedder(TINY, tmp_path, tmp_path, tmp_path / "run")
