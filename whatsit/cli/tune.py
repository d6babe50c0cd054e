"""`whatsit tune`: the fastest configuration of the whole pipeline on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.tuning.trial_log import Trial
    from whatsit.tuning.tuner import Outcome, Task

_DEMO_PRODUCTS, _DEMO_SCENES = 300, 12  # as `whatsit demo` has them


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit tune --catalogue demo/catalogue --photos demo/scenes --slo-p99-ms 300",
        help="Find the configuration of the pipeline that serves most images a second within a latency, by measuring.",
    )(tune)


def tune(
    slo_p99_ms: Annotated[float, typer.Option(min=1, help="99 of 100 calls shall be answered within this.")] = 150.0,
    catalogue: Annotated[Path | None, typer.Option(help="Published catalogue to serve; the demo's by default.")] = None,
    photos: Annotated[Path | None, typer.Option(help="Folder of pictures to send; the demo's by default.")] = None,
    minutes: Annotated[float, typer.Option(min=1, help="What everything may take, the comparison included.")] = 15.0,
    out: Annotated[
        Path | None,
        typer.Option(help="Write a copy of the repository here, not to the cache folder or --repository."),
    ] = None,
    repository: Annotated[
        Path | None, typer.Option(help="Folder with model_repository/ and ensembles/ instead of Whatsit's own.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="Configs to begin from: onnxruntime, openvino, tensorrt, or auto.")
    ] = "auto",
    start: Annotated[str, typer.Option(help="Where to begin: shipped, or worst (to see the tuner work).")] = "shipped",
    min_regions: Annotated[
        int | None,
        typer.Option(min=1, help="Also try to look up fewer regions a picture, down to this: it changes results."),
    ] = None,
    pictures: Annotated[int, typer.Option(min=2, help="At most so many different pictures.")] = 24,
    report: Annotated[Path, typer.Option(help="Folder for journal.jsonl and trials.csv.")] = Path("tuning"),
    as_json: AsJson = False,
) -> None:
    """Find the fastest configuration within a latency.

    It is written as configs/tuned.pbtxt of each model.

    Trials are kept in the report's folder: the same command goes on where it was stopped. Serve the outcome with
    `whatsit serve --config tuned`.
    """
    import signal

    from rich.console import Console
    from whatsit_client.errors import InvalidInput

    from whatsit.engines.repository import default_root
    from whatsit.engines.runtime_target import config_name
    from whatsit.tuning.objective import Goal
    from whatsit.tuning.tuner import STARTS, Task, read_pictures

    if start not in STARTS:
        raise InvalidInput(f"The start {start!r} is not known; choose {' or '.join(STARTS)}.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` stops in the same order as Ctrl-C
    console = Console(stderr=as_json, highlight=False)
    root = (repository or default_root()).resolve()
    if catalogue is None or photos is None:
        catalogue, photos = _demo(catalogue, photos, console)
    base = config_name(target, root / "model_repository")
    shown = read_pictures(photos, pictures)
    task = Task(root, base, Goal(slo_p99_ms), shown, 60 * minutes, start, min_regions, out, report)
    _run(task, catalogue, console, as_json)


def _run(task: Task, catalogue: Path, console: Console, as_json: bool) -> None:
    from whatsit.cli.tune_report import print_json, print_outcome, trial_line
    from whatsit.tuning.trial_servers import TrialServers
    from whatsit.tuning.tuner import Tuner

    tuner = None
    try:
        with (
            console.status("Preparing …") as status,
            TrialServers(task.root, task.base, catalogue, task.pictures) as pool,
        ):
            tuner = Tuner(task, pool)
            known = len(tuner.log.trials)
            if known:
                console.print(f"Going on after {known} trials of {task.report}/journal.jsonl.", soft_wrap=True)

            def told(trial: Trial) -> None:
                console.print(trial_line(trial), soft_wrap=True, markup=False)

            outcome: Outcome | None = tuner.run(lambda what: status.update(f"Trying {what} …"), told)
    except KeyboardInterrupt:
        outcome = None if tuner is None else tuner.keep_best()
        console.print("Stopped; every server has ended. The same command goes on from here.")
        if outcome is not None:
            console.print(f"The best so far is in {outcome.written[0]} and its neighbours, unconfirmed.")
        raise typer.Exit(130) from None
    assert outcome is not None
    if as_json:
        print_json(task, outcome)
    else:
        print_outcome(task, outcome, tuner, console)


def _demo(catalogue: Path | None, photos: Path | None, console: Console) -> tuple[Path, Path]:
    """Render the shop and scenes of `whatsit demo` where none were given."""
    from whatsit.catalogue.ingest.add import add_to_catalogue
    from whatsit.demo.demo_data import prepare_shop

    folder = Path("demo")
    with console.status("Preparing the demo's shop and catalogue …"):
        stage = prepare_shop(folder, _DEMO_PRODUCTS, _DEMO_SCENES)
        if catalogue is None:
            add_to_catalogue(stage.catalogue, stage.source, publish=True)
    return catalogue or stage.catalogue, photos or folder / "scenes"
