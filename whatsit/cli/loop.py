"""The commands `whatsit loop`: from what visitors did to a better network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import DATA, AsJson, CatalogueFolder, Data, ModelRepository

if TYPE_CHECKING:
    from whatsit.cli.progress_bar import Step
    from whatsit.loop.turn.loop_recipe import OnCluster
    from whatsit.loop.turn.loop_runner import LoopRunner
    from whatsit.loop.turn.turn_state import TurnState

app = typer.Typer(
    no_args_is_help=True,
    help="Let visitors' clicks train the embedder: collect, clean, train, gate, roll out, watch, go back.",
)

Work = Annotated[Path, typer.Option(help="Folder of the loop: its turns, their logs and reports.")]
Address = Annotated[
    str | None,
    typer.Option(help="Ray cluster that works: its address, auto, or local to start Ray on this machine."),
]
WORK = Path("build/runs/loop")


@app.command(epilog="Example: whatsit loop run shop --recipe loop.yaml")
def run(
    folder: CatalogueFolder,
    recipe: Annotated[
        Path | None,
        typer.Option(help="What a turn does; default: build/loop.yaml."),
    ] = None,
    work: Work = WORK,
    or_resume: Annotated[
        bool, typer.Option("--or-resume", help="Go on with an unfinished turn, where there is one; for cron.")
    ] = False,
    address: Address = None,
    data: Data = DATA,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Take one turn: from the clicks of visitors who agreed to a network that serves.

    Interrupted, by Ctrl-C too, `whatsit loop resume` goes on where it stopped. Nothing goes live that the gate refuses.
    """
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.loop.turn.loop_recipe import read_loop_recipe

    settings = read_loop_recipe(recipe or _recipe())
    with progress_bars(as_json) as bar:
        runner = _runner(folder, work, address, data, model_repository, settings.ray, bar, not as_json)
        state = runner.run(settings, or_resume)
    _show(runner, state, as_json)


@app.command(epilog="Example: whatsit loop resume shop")
def resume(
    folder: CatalogueFolder,
    work: Work = WORK,
    address: Address = None,
    data: Data = DATA,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a turn that was stopped, or whose network is being watched."""
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.loop.turn.loop_recipe import LoopRecipe

    with progress_bars(as_json) as bar:
        known = _runner(folder, work, None, data, model_repository, None, bar, False).status()
        settings = LoopRecipe.model_validate(known.recipe).ray if known else None
        runner = _runner(folder, work, address, data, model_repository, settings, bar, not as_json)
        state = runner.resume()
    if state is None:
        typer.echo("No turn is unfinished. Begin one: whatsit loop run DIR", err=True)
        return
    _show(runner, state, as_json)


@app.command(epilog="Example: whatsit loop status shop")
def status(folder: CatalogueFolder, work: Work = WORK, as_json: AsJson = False) -> None:
    """Show how far the latest turn is, or how it ended."""
    runner = _runner(folder, work, None, DATA, None, None, None, False)
    state = runner.status()
    if state is None:
        typer.echo("There was no turn yet. Begin one: whatsit loop run DIR")
        return
    _show(runner, state, as_json)


def _recipe() -> Path:
    from whatsit.engines.repository import default_root

    here = Path("build/loop.yaml")
    return here if here.is_file() else default_root() / here


def _runner(
    folder: Path,
    work: Path,
    address: str | None,
    data: Path,
    model_repository: Path | None,
    settings: OnCluster | None,
    bar: Step | None,
    shown: bool,
) -> LoopRunner:
    from whatsit_client.errors import Unavailable

    from whatsit.catalogue.layout import Layout
    from whatsit.loop.ray_embedding import RayCluster
    from whatsit.loop.turn.loop_recipe import OnCluster
    from whatsit.loop.turn.loop_runner import LoopRunner, _quiet

    if not Layout(folder).store.is_file():
        raise Unavailable(f"There is no catalogue in {folder}: make one with 'whatsit catalogue add'.")
    cluster = None
    if address is not None:
        ray = settings or OnCluster()
        cluster = RayCluster(address, ray.workers, ray.cores, ray.retries)
    return LoopRunner(folder.resolve(), work.resolve(), model_repository, data, cluster, bar or _quiet, shown)


def _show(runner: LoopRunner, state: TurnState, as_json: bool) -> None:
    from whatsit.cli.catalogue.output import print_json
    from whatsit.loop.turn.turn_state import LOG, REPORT, STEPS

    place = runner.folder(state)
    if as_json:
        print_json({**state.to_record(), "folder": str(place), "report": str(place / REPORT)})
        return
    typer.echo(f"Turn {state.number}, begun {state.begun}")
    for step in STEPS:
        if step in state.steps:
            typer.echo(f"  {step:9} {_words(step, state)}  ({state.seconds[step]:.0f} s)")
        elif step == state.next_step:
            typer.echo(f"  {step:9} is next: whatsit loop resume {state.catalogue} --work {runner.work}")
    if state.sentence:
        typer.echo(state.sentence)
    if (place / REPORT).is_file():
        typer.echo(f"Report: {place / REPORT}")
    typer.echo(f"Log: {place / LOG}")


def _words(step: str, state: TurnState) -> str:
    found = state.steps[step]
    if step == "collect":
        return f"{found['clicks']} clicks, {found['new']} of them new, on {found['items']} items"
    if step == "clean":
        return f"{found['kept']} kept, {sum(found['refused'].values())} refused"
    if step == "split":
        return f"{found['training']} train, {found['held_out']} measure and never train"
    if step == "train":
        return f"{sum(found['pictures'].values())} pictures"
    if step == "evaluate":
        return f"{found['queries']} photos searched by both networks"
    if step in ("gate", "watch"):
        return str(found["sentence"])
    return f"{found['fingerprint']} in place of {found['before']}"
