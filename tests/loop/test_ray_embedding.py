"""A catalogue is embedded on Ray: the same vectors, and none twice where a worker dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from perf.loop.ray_rollout import Killer, write_catalogue
from perf.loop.small_embedder import write_small_embedder
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.loop.ray_embedding import RayCluster, ray_embedding
from whatsit.loop.rollout import Rollout
from whatsit.loop.turn.loop_recipe import LoopRecipe
from whatsit.loop.turn.ray_steps import run_on_ray
from whatsit.loop.turn.steps import Progress, Result, Turn
from whatsit.loop.turn.turn_state import TurnState

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


def test_a_killed_worker_costs_nothing_but_its_time(tmp_path: Path) -> None:
    models = tmp_path / "models"
    old = write_small_embedder(models / "embedder" / "1" / "model.onnx", seed=1)
    new = write_small_embedder(tmp_path / "new.onnx", seed=2)
    folder, log = tmp_path / "catalogue", tmp_path / "embedded.csv"
    write_catalogue(folder, old, 120, seed=1)
    with Killer(log, 120, 1, seed=1) as killer:
        cluster = RayCluster("local", 2, cores=0.5, log=log)
        assert Rollout(folder, models).start(new, embedding=ray_embedding(cluster)) == {}
    assert len(killer.killed) == 1
    with Store(Layout(folder).store, read_only=True) as store:
        vectors, numbers = store.vectors(embedder_fingerprint(new))
    assert sorted(numbers.tolist()) == list(range(1, 121))
    assert vectors.shape == (120, 128)


def test_a_step_goes_on_when_its_worker_dies(tmp_path: Path) -> None:
    def dies_once(turn: Turn, progress: Progress) -> Result:  # here, for workers cannot import a test
        tries = len((turn.folder / "log.txt").read_text(encoding="utf-8").splitlines())
        if tries == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"tries": tries}

    state = TurnState(1, str(tmp_path), {}, "", "", "")
    turn = Turn(tmp_path, tmp_path, tmp_path, LoopRecipe(), state, tmp_path)
    assert run_on_ray(dies_once, turn, RayCluster("local", 1), lambda done, total: None) == {"tries": 2}
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").count("runs on a Ray worker") == 2
