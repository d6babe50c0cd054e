"""A whole loop on a small drawn shop: interrupted, refused, rolled out, rolled back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from perf.loop.changed_embedder import write_changed_embedder
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.serving_pair import read_pair
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.search_counts import SearchCounts
from whatsit.catalogue.store.store import Store
from whatsit.loop.turn import loop_runner, steps
from whatsit.loop.turn.loop_recipe import LoopRecipe
from whatsit.loop.turn.loop_runner import LoopRunner
from whatsit.loop.turn.steps import Progress, Result, Turn
from whatsit.loop.turn.turn_state import alone, read_json, turn_folders, write_json
from whatsit.rendering.photo import photograph

RECIPE: dict[str, Any] = {
    "collect": {"least": 8},
    "clean": {"most_refused": 0.6},
    "evaluate": {"drawn": 4},
    "gate": {"gain": False},
    "watch": {"searches": 0},
}


@pytest.fixture
def clicked(own_catalogue: Path) -> Path:
    """The shop, after visitors photographed six items twice."""
    begin = datetime.now(timezone.utc) - timedelta(days=2)
    with Store(Layout(own_catalogue).store) as store:
        folder = Layout(own_catalogue).clicks
        folder.mkdir(exist_ok=True)
        for number, record in enumerate(store.page(limit=6) * 2):
            picture = cv2.imread(record["image"])
            photo, _ = photograph(
                np.asarray(picture[..., ::-1], np.uint8), np.random.default_rng(number), (240, 240), strength=0.2
            )
            target = folder / f"{number:032x}.jpg"
            cv2.imwrite(str(target), photo[..., ::-1])
            store.clicks.record(Click(record["id"], target))
            with store.transaction() as connection:
                made = (begin + timedelta(hours=number)).isoformat(timespec="seconds")
                connection.execute("UPDATE clicks SET made = ? WHERE path LIKE ?", (made, f"%{target.name}"))
    return own_catalogue


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training that gives the shipped embedder in other coordinates, at once."""

    def train(turn: Turn, progress: Progress) -> Result:
        write_changed_embedder(turn.folder / "network" / "model.onnx", noise=0.001)
        return {"pictures": {"clicks": 1}, "figures": {}}

    monkeypatch.setitem(loop_runner.LOCAL, "train", train)


def noted(step: str, take: Callable[[Turn, Progress], Result], taken: list[str]) -> Callable[[Turn, Progress], Result]:
    """Return the step, which notes that it was taken."""

    def take_noted(turn: Turn, progress: Progress) -> Result:
        taken.append(step)
        return take(turn, progress)

    return take_noted


def recipe(**sections: dict[str, Any]) -> LoopRecipe:
    return LoopRecipe.model_validate({**RECIPE, **sections})


def test_a_turn_from_the_clicks_to_the_network_that_serves(clicked: Path, quick: None, tmp_path: Path) -> None:
    runner = LoopRunner(clicked, tmp_path / "loop")
    state = runner.run(recipe())
    assert state.outcome == "kept", state.sentence
    assert state.steps["collect"]["clicks"] == 12
    pair = read_pair(clicked)
    assert pair is not None
    assert (pair.serving, pair.beside) == (state.steps["rollout"]["fingerprint"], "")
    page = (runner.folder(state) / "report.html").read_text(encoding="utf-8")
    for words in ("What visitors clicked", "Before and after", "data:image/jpeg", state.steps["gate"]["sentence"]):
        assert words in page
    assert not (runner.folder(state) / "pictures").exists()
    log = (runner.folder(state) / "log.txt").read_text(encoding="utf-8")
    assert all(f" {step:8} done" in log for step in ("collect", "clean", "gate", "rollout", "watch"))
    again = runner.run(recipe())  # the clicks were seen already
    assert (again.number, again.outcome) == (2, "too few clicks")
    assert runner.resume() is None


def test_a_stopped_turn_goes_on_where_it_was(
    clicked: Path, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = LoopRunner(clicked, tmp_path / "loop")
    taken: list[str] = []

    def stopped(turn: Turn, progress: Progress) -> Result:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setitem(loop_runner.LOCAL, "evaluate", stopped)
        with pytest.raises(KeyboardInterrupt):
            runner.run(recipe(rollout={"enabled": False}))
    for step in ("collect", "clean", "evaluate"):
        monkeypatch.setitem(loop_runner.LOCAL, step, noted(step, loop_runner.LOCAL[step], taken))
    with pytest.raises(InvalidInput, match="Turn 1 is not finished, its next step is evaluate"):
        runner.run(recipe())
    state = runner.run(recipe(), or_resume=True)
    assert (state.number, state.outcome, taken) == (1, "not rolled out", ["evaluate"])
    assert read_pair(clicked) is None
    assert len(turn_folders(tmp_path / "loop")) == 1


def test_clicks_that_contradict_end_the_turn_before_anything_trains(clicked: Path, quick: None, tmp_path: Path) -> None:
    with Store(Layout(clicked).store) as store, store.transaction() as connection:
        ids = [id for (id,) in connection.execute("SELECT id FROM items ORDER BY number DESC LIMIT 12")]
        for click, id in enumerate(ids, start=1):
            connection.execute("UPDATE clicks SET item = ? WHERE click = ?", (id, click))
    state = LoopRunner(clicked, tmp_path / "loop").run(recipe())
    assert state.outcome == "clicks refused"
    assert "disagree with the catalogue" in state.sentence
    assert "train" not in state.steps
    assert (tmp_path / "loop" / "turn-0001" / "report.html").is_file()


def test_fewer_answers_after_the_switch_bring_the_old_network_back(clicked: Path, quick: None, tmp_path: Path) -> None:
    def search(state: str, times: int) -> None:
        counts = SearchCounts()
        for _ in range(times):
            counts.count(datetime.now(timezone.utc).date().isoformat(), state, [])
        with Store(Layout(clicked).store) as store:
            counts.write(store)

    search("found", 100)
    runner = LoopRunner(clicked, tmp_path / "loop")
    before = runner.run(recipe(watch={"searches": 50}))
    assert before.next_step == "watch"
    pair = read_pair(clicked)
    assert pair is not None
    assert pair.switched
    search("not_found", 60)
    state = runner.resume()
    assert state is not None
    assert state.outcome == "rolled back"
    pair = read_pair(clicked)
    assert pair is None or pair.serving == before.serving


def test_withdrawn_photos_are_gone_for_the_turn_too(clicked: Path, tmp_path: Path) -> None:
    runner = LoopRunner(clicked, tmp_path / "loop")
    state = runner._begin(recipe(), 1)
    turn = Turn(runner.folder(state), clicked, runner._models, recipe(), state, tmp_path)
    steps.collect(turn, lambda *at: None)
    with Store(Layout(clicked).store) as store:
        gone = store.clicks.withdraw(f"{3:032x}")
    assert gone is not None
    gone.unlink()
    assert steps.clean(turn, lambda *at: None)["kept"] <= 11
    assert gone.name not in (turn.folder / "cleaned.json").read_text(encoding="utf-8")


def test_one_command_at_a_time(own_catalogue: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "loop"), pytest.raises(Unavailable, match="Another command works on the loop"):
        LoopRunner(own_catalogue, tmp_path / "loop").resume()


def test_a_turn_goes_on_from_the_checkpoint_of_the_network_that_serves(own_catalogue: Path, tmp_path: Path) -> None:
    runner = LoopRunner(own_catalogue, tmp_path)
    assert runner._start("any", "shipped").endswith("embedder.safetensors")
    trained = tmp_path / "best.pt"
    trained.write_bytes(b"")
    write_json(tmp_path / "checkpoints.json", {"any": str(trained)})
    assert runner._start("any", "shipped") == str(trained)
    with pytest.raises(InvalidInput, match=r"There is no checkpoint none\.pt"):
        runner._start("other", "none.pt")


@pytest.mark.slow
def test_the_real_training_of_a_turn_resumes(clicked: Path, tmp_path: Path) -> None:
    settings = recipe(
        train={"minutes": 0.02, "precision": "float", "settings": {"size": 64, "batch": 4, "frozen_blocks": 16}},
        rollout={"enabled": False},
        gate={"gain": False, "noise": 50},
    )
    runner = LoopRunner(clicked, tmp_path / "loop")
    state = runner.run(settings)
    assert state.outcome == "not rolled out"
    folder = runner.folder(state)
    assert (folder / "network" / "model.onnx").is_file()
    assert {"catalogue", "clicks"} <= read_json(folder / "state.json")["steps"]["train"]["pictures"].keys()
    again = replace(state, outcome="", steps={name: state.steps[name] for name in ("collect", "clean", "split")})
    write_json(folder / "state.json", again.to_record())
    shutil.rmtree(folder / "network")
    resumed = runner.resume()
    assert resumed is not None
    assert resumed.outcome == "not rolled out"
