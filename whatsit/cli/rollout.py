"""The commands `whatsit rollout`: a new embedder goes live without an outage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder, ModelRepository

if TYPE_CHECKING:
    from whatsit.cli.progress_bar import Step
    from whatsit.loop.rollout import Rollout
    from whatsit.loop.rollout_state import RolloutState

app = typer.Typer(
    no_args_is_help=True,
    help="Replace the embedder of a served catalogue: embed beside, compare, switch, go back.",
)

LeaveOut = Annotated[
    bool, typer.Option("--leave-out", help="Switch although pictures could not be embedded: they are not found then.")
]
Wait = Annotated[float, typer.Option(min=0, help="Seconds that running servers have to load the embedder.")]


@app.command(epilog="Example: whatsit rollout start shop new/model.onnx")
def start(
    folder: CatalogueFolder,
    network: Annotated[Path, typer.Argument(help="The new embedder's ONNX file.", show_default=False)],
    threads: Annotated[int, typer.Option(min=1, help="Pictures embedded at once.")] = 1,
    share: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Share of the time that each thread works; it rests otherwise.")
    ] = 1.0,
    shadow: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the calls that the new embedder answers too, for comparison.")
    ] = 0.1,
    full_speed: Annotated[
        bool, typer.Option("--full-speed", help="Compete with queries for the cores, instead of using idle ones alone.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster that embeds, with --threads workers: its address, auto, or local."),
    ] = None,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Embed the catalogue with a new embedder beside the serving one.

    Interrupted, by Ctrl-C too, the same command goes on where it stopped. Servers answer with the old embedder until
    `switch`; once the work is done they load the new one too.
    """
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.loop.background_embedding import Pace, work_in_idle_time
    from whatsit.loop.ray_embedding import RayCluster, ray_embedding

    if not full_speed:
        work_in_idle_time()
    embedding = None if address is None else ray_embedding(RayCluster(address, threads))
    with progress_bars(as_json) as bar:
        rollout = _rollout(folder, model_repository, bar, aside=not full_speed)
        left_out = rollout.start(network, Pace(threads, share), shadow, embedding)
    for sentence in list(left_out.values())[:10]:
        typer.echo(f"Left out: {sentence}", err=True)
    if len(left_out) > 10:
        typer.echo(f"… and {len(left_out) - 10} more pictures.", err=True)
    _show(folder, model_repository, as_json)


@app.command(epilog="Example: whatsit rollout status shop")
def status(folder: CatalogueFolder, model_repository: ModelRepository = None, as_json: AsJson = False) -> None:
    """Show how far a roll-out is, and how both embedders answered the shadow calls."""
    _show(folder, model_repository, as_json)


@app.command(epilog="Example: whatsit rollout switch shop")
def switch(
    folder: CatalogueFolder,
    leave_out: LeaveOut = False,
    wait: Wait = 180.0,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Let the new embedder answer from the next call on; the old one stays loaded."""
    from whatsit.cli.progress_bar import progress_bars

    with progress_bars(as_json) as bar:
        _rollout(folder, model_repository, bar).switch(leave_out, wait)
    _show(folder, model_repository, as_json)


@app.command(epilog="Example: whatsit rollout back shop")
def back(
    folder: CatalogueFolder,
    leave_out: LeaveOut = False,
    wait: Wait = 180.0,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Let the old embedder answer again from the next call on."""
    from whatsit.cli.progress_bar import progress_bars

    with progress_bars(as_json) as bar:
        _rollout(folder, model_repository, bar).back(leave_out, wait)
    _show(folder, model_repository, as_json)


@app.command(epilog="Example: whatsit rollout abort shop")
def abort(folder: CatalogueFolder, model_repository: ModelRepository = None, as_json: AsJson = False) -> None:
    """Remove a new embedder that does not serve, with its vectors and its index."""
    from whatsit.cli.progress_bar import progress_bars

    with progress_bars(as_json) as bar:
        _rollout(folder, model_repository, bar).abort()
    _show(folder, model_repository, as_json)


@app.command(epilog="Example: whatsit rollout finish shop")
def finish(folder: CatalogueFolder, model_repository: ModelRepository = None, as_json: AsJson = False) -> None:
    """Remove the old embedder after a switch; there is no way back then."""
    from whatsit.cli.progress_bar import progress_bars

    with progress_bars(as_json) as bar:
        _rollout(folder, model_repository, bar).finish()
    _show(folder, model_repository, as_json)


def _rollout(folder: Path, model_repository: Path | None, bar: Step, aside: bool = True) -> Rollout:
    from whatsit.loop.background_embedding import work_behind_queries
    from whatsit.loop.rollout import Rollout

    if aside:
        work_behind_queries()
    return Rollout(folder, model_repository, bar)


def _show(folder: Path, model_repository: Path | None, as_json: bool) -> None:
    from whatsit.cli.catalogue.output import print_json
    from whatsit.engines.repository import default_root
    from whatsit.loop.rollout_state import rollout_state

    state = rollout_state(folder.resolve(), model_repository or default_root() / "model_repository")
    if as_json:
        print_json(state.to_record())
    else:
        _print(state, folder)


def _print(state: RolloutState, folder: Path) -> None:
    next_step = {
        "none": "No roll-out. Begin one: whatsit rollout start {} NEW.onnx",
        "embedding": "The new embedder is not ready. Go on by the same command: whatsit rollout start {} NEW.onnx",
        "ready": "The new embedder is ready and does not serve yet. Let it: whatsit rollout switch {}",
        "switched": "The new embedder serves. Go back: whatsit rollout back {0}; end it: whatsit rollout finish {0}",
    }[state.phase]
    typer.echo(next_step.format(folder))
    typer.echo(f"Serving   {state.serving}")
    if state.beside:
        typer.echo(f"Beside    {state.beside}")
        typer.echo(f"Embedded  {state.embedded} of {state.pictures} pictures by both")
    for name, both in state.servers.items():
        typer.echo(f"Server    {name}: {'both are loaded' if both else 'one is loaded'}")
    if (shadow := state.shadow) is not None:
        typer.echo(
            f"Shadow    {shadow.calls} calls: the same first item in {shadow.same_first:.1%}; found {shadow.found:.1%} "
            f"before and {shadow.beside_found:.1%} by the new one; median {shadow.p50_ms:g} and "
            f"{shadow.beside_p50_ms:g} ms, 99th percentile {shadow.p99_ms:g} and {shadow.beside_p99_ms:g} ms"
        )
        for before, after in shadow.differing[-3:]:
            typer.echo(f"          differs: '{before}' and '{after}'")
