"""Momentum contrast on a few drawn pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from whatsit_client.errors import InvalidInput

from whatsit.models.embedder import Embedder
from whatsit.training.selfsupervised.moco import MocoTask, MomentumContrast, find_pictures, train_moco
from whatsit.training.selfsupervised.moco_recipe import MocoRecipe

RECIPE = MocoRecipe(
    start="random",
    batch=4,
    size=32,
    queue=16,
    dimension=8,
    epochs=2,
    frozen_blocks=-1,
    ema_decay=0,
    photographed=0,
    clusters=3,
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of eight plain pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(8):
        picture = np.full((40, 48, 3), (30 * k, 255 - 30 * k, 128), np.uint8)
        cv2.imwrite(str(folder / f"{k}.png"), cv2.rectangle(picture, (5 + k, 5), (20, 30), (0, 0, 255), -1))
    return folder


def test_the_queue_takes_the_newest_keys_and_the_key_network_follows() -> None:
    """Sixteen places take four keys a step in turn; the key network moves by 1 - momentum of the difference."""
    torch.manual_seed(0)
    contrast = MomentumContrast(Embedder(8), RECIPE).train()
    contrast.start_keys()
    before = contrast.keys.clone()
    views = torch.rand(2, 4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        contrast.network.head.weight.add_(1.0)
    slow = contrast.key_network.head.weight.clone()
    contrast.loss(views[0], views[1])
    assert int(contrast.place) == 4
    assert not torch.equal(contrast.keys[:4], before[:4])
    assert torch.equal(contrast.keys[4:], before[4:])
    torch.testing.assert_close(contrast.key_network.head.weight, slow + (1 - RECIPE.momentum))
    torch.testing.assert_close(contrast.keys.norm(dim=1), torch.ones(16))


def test_the_loss_falls_where_the_other_view_is_nearest() -> None:
    """Equal views of a trained pair cost less than views of different pictures."""
    torch.manual_seed(0)
    contrast = MomentumContrast(Embedder(8), RECIPE).eval()
    contrast.start_keys()
    views = torch.rand(4, 3, 32, 32) * 2 - 1
    assert float(contrast.loss(views, views)) <= float(contrast.loss(views, views.flip(0))) + 1e-6


def test_batches_are_the_same_after_a_resumption(photos: Path) -> None:
    """Step 1 of an epoch gives the same views whether step 0 was drawn or not."""
    task = MocoTask(RECIPE, find_pictures([photos]), None)
    whole, rest = list(task.batches(1, 0)), list(task.batches(1, 1))
    assert len(whole) == 2
    assert len(rest) == 1
    assert torch.equal(whole[1][0], rest[0][0])
    assert torch.equal(whole[1][1], rest[0][1])
    assert whole[0][0].shape == (4, 3, 32, 32)


def test_a_run_ends_with_a_start_for_the_embedder(photos: Path, tmp_path: Path) -> None:
    """best.pt of a run is read as an embedder."""
    from whatsit.training.common.initial_weights import begin

    outcome = train_moco(RECIPE, tmp_path, tmp_path, tmp_path / "run", photos=photos)
    assert outcome.finished
    assert 0 <= outcome.best["view_r1"] <= 1
    network = Embedder(8)
    before = network.head.weight.clone()
    begin(network, str(tmp_path / "run" / "best.pt"), "embedder")
    assert not torch.equal(network.head.weight, before)
    with np.load(tmp_path / "run" / "clusters.npz") as stored:
        assert [key.rpartition("/")[2] for key in stored["keys"]] == [f"{k}.png" for k in range(8)]
        assert set(stored["clusters"]) <= set(range(RECIPE.clusters))


def test_too_few_pictures_are_refused(photos: Path, tmp_path: Path) -> None:
    """A folder without pictures, or with fewer than a batch, gets a sentence."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no pictures in"):
        find_pictures([tmp_path / "empty"])
    with pytest.raises(InvalidInput, match="A batch has 9 pictures, but there are 8"):
        MocoTask(RECIPE.model_copy(update={"batch": 9}), find_pictures([photos]), None)
