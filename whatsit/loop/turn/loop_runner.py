"""Runs the turns of a loop, step by step, and goes on with one that was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.catalogue.serving_pair import serving_network
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.loop.ray_embedding import RayCluster
from whatsit.loop.turn import steps
from whatsit.loop.turn.live_steps import roll_out, watch
from whatsit.loop.turn.loop_recipe import LoopRecipe
from whatsit.loop.turn.ray_steps import run_on_ray
from whatsit.loop.turn.steps import Progress, Result, Turn
from whatsit.loop.turn.training_step import NETWORK, RUN, remove_pictures
from whatsit.loop.turn.turn_log import TurnLog
from whatsit.loop.turn.turn_report import write_report
from whatsit.loop.turn.turn_state import (
    Outcome,
    TurnState,
    alone,
    now,
    read_json,
    read_state,
    turn_folder,
    turn_folders,
    write_json,
    write_state,
)

CHECKPOINTS = "checkpoints.json"
LOCAL: dict[str, Callable[[Turn, Progress], Result]] = {
    "collect": steps.collect, "clean": steps.clean, "split": steps.split, "train": steps.train,
    "evaluate": steps.evaluate, "gate": steps.gate,
}  # fmt: skip
ON_CLUSTER = ("clean", "train", "evaluate")


def _quiet(stage: str, done: int, total: int | None) -> None:
    pass


@dataclass(frozen=True)
class LoopRunner:
    """The loop of one catalogue.

    Args:
        catalogue: its folder.
        work: the loop's folder.
        model_repository: whose embedder serves before the first roll-out; None for Whatsit's own.
        data: the folder of the built-in data sets, which training asks for with a share below 1.
        cluster: where clean, train, evaluate and the embedding run; None for this process.
        progress: called with the stage, how much of it is done, and how much there is.
        shown: the progress of training goes to the terminal.
    """

    catalogue: Path
    work: Path
    model_repository: Path | None = None
    data: Path = Path("../shared/data")
    cluster: RayCluster | None = None
    progress: Progress = _quiet
    shown: bool = False

    @property
    def _models(self) -> Path:
        return self.model_repository or default_root() / "model_repository"

    def run(self, recipe: LoopRecipe, or_resume: bool = False) -> TurnState:
        """Begin a turn and take its steps.

        Args:
            recipe: of the turn.
            or_resume: go on with an unfinished turn instead, where there is one.

        Raises:
            InvalidInput: the turn before is not finished.
            WhatsitError: a step failed; `resume` repeats it.
        """
        with alone(self.work):
            before = self._latest()
            if before is not None and not before.outcome:
                if or_resume:
                    return self._go_on(before)
                raise InvalidInput(
                    f"Turn {before.number} is not finished, its next step is {before.next_step}: go on with it by "
                    "'whatsit loop resume', or add --or-resume."
                )
            return self._go_on(self._begin(recipe, 1 if before is None else before.number + 1))

    def resume(self) -> TurnState | None:
        """Go on with the turn that is not finished; None where there is none.

        Raises:
            WhatsitError: a step failed; another call repeats it.
        """
        with alone(self.work):
            state = self._latest()
            return None if state is None or state.outcome else self._go_on(state)

    def status(self) -> TurnState | None:
        """Return the latest turn, None before the first one."""
        return self._latest()

    def folder(self, state: TurnState) -> Path:
        """Return the folder of a turn."""
        return turn_folder(self.work, state.number)

    def _latest(self) -> TurnState | None:
        folders = turn_folders(self.work)
        return read_state(folders[-1]) if folders else None

    def _begin(self, recipe: LoopRecipe, number: int) -> TurnState:
        network = serving_network(self.catalogue, self._models)
        if not network.is_file():
            raise InvalidInput(f"There is no embedder {network}: build it, or pass --model-repository.")
        serving = embedder_fingerprint(network)
        state = TurnState(
            number, str(self.catalogue.resolve()), recipe.model_dump(mode="json"), now(), serving,
            self._start(serving, recipe.train.start),
        )  # fmt: skip
        folder = self.folder(state)
        folder.mkdir(parents=True, exist_ok=True)
        write_state(folder, state)
        TurnLog(folder)("begin", f"Turn {number} of {state.catalogue}; the embedder {serving} serves.")
        return state

    def _start(self, serving: str, start: str) -> str:
        """Return the checkpoint of an earlier turn's embedder, or the recipe's."""
        file = self.work / CHECKPOINTS
        known: dict[str, str] = read_json(file) if file.is_file() else {}
        if serving in known and Path(known[serving]).is_file():
            return known[serving]
        if start == "shipped":
            return str(default_root() / "build" / "checkpoints" / "embedder.safetensors")
        if not Path(start).is_file():
            raise InvalidInput(f"There is no checkpoint {start}: correct loop.train.start of the recipe.")
        return str(Path(start).resolve())

    def _go_on(self, state: TurnState) -> TurnState:
        folder = self.folder(state)
        log = TurnLog(folder)
        while (step := state.next_step) is not None:
            log(step, "begins")
            begin = time.monotonic()
            try:
                result = self._take(step, state)
            except KeyboardInterrupt:
                log(step, "stopped; 'whatsit loop resume' goes on with it")
                raise
            except WhatsitError as error:
                log(step, f"failed: {error}")
                raise
            if result is None:  # the watch goes on
                log(step, "waits for more searches; 'whatsit loop resume' looks again")
                write_report(folder, state)
                return state
            state = self._ended(state.with_step(step, result, time.monotonic() - begin))
            write_state(folder, state)
            log(step, f"done in {state.seconds[step]:.1f} s")
        if state.outcome:
            remove_pictures(folder)
        write_report(folder, state)
        log("end", state.sentence)
        return state

    def _take(self, step: str, state: TurnState) -> Result | None:
        recipe = LoopRecipe.model_validate(state.recipe)
        turn = Turn(self.folder(state).resolve(), Path(state.catalogue), self._models.resolve(), recipe, state,
                    self.data, self.shown and self.cluster is None)  # fmt: skip
        if step == "rollout":
            write_report(turn.folder, state)  # the decision is to be seen while it is put into effect
            result = roll_out(turn, self.progress, self.cluster)
            self._note_checkpoint(result["fingerprint"], turn.folder / RUN / "best.pt")
            return result
        if step == "watch":
            return watch(turn, self.progress)
        if self.cluster is not None and step in ON_CLUSTER:
            return run_on_ray(LOCAL[step], turn, self.cluster, partial(self.progress, f"{step} on Ray"))
        return LOCAL[step](turn, self.progress)

    def _note_checkpoint(self, fingerprint: str, trained: Path) -> None:
        file = self.work / CHECKPOINTS
        known = read_json(file) if file.is_file() else {}
        write_json(file, {**known, fingerprint: str(trained.resolve())})

    def _ended(self, state: TurnState) -> TurnState:
        """Return the state with its outcome, where the last step ended the turn."""
        recipe = LoopRecipe.model_validate(state.recipe)
        done = state.steps

        def end(outcome: Outcome, sentence: str) -> TurnState:
            return replace(state, outcome=outcome, sentence=sentence)

        if "watch" in done:
            fallen = done["watch"]["verdict"] == "fallen"
            words = "The old network answers again." if fallen else "The new network stays."
            return end("rolled back" if fallen else "kept", f"{done['watch']['sentence']} {words}")
        if "rollout" in done:
            return state
        if "gate" in done:
            if not done["gate"]["passed"]:
                return end("refused", done["gate"]["sentence"])
            if not recipe.rollout.enabled:
                sentence = f"{done['gate']['sentence']} It was not rolled out: {self.folder(state) / NETWORK}"
                return end("not rolled out", sentence)
        elif "clean" in done and "split" not in done:
            share = done["clean"]["refused_share"]
            if share > recipe.clean.most_refused:
                return end(
                    "clicks refused",
                    f"Refused: {100 * share:.0f} % of the clicks disagree with the catalogue or with one another, more "
                    f"than the {100 * recipe.clean.most_refused:.0f} % that the recipe allows.",
                )
        elif "split" in done and not done["split"]["training"]:
            return end("too few clicks", "No click was left to train on.")
        elif "collect" in done and "clean" not in done and done["collect"]["new"] < recipe.collect.least:
            return end(
                "too few clicks",
                f"There are {done['collect']['new']} new clicks, and a turn needs {recipe.collect.least}.",
            )
        return state
