"""The command `whatsit calibrate`: fit the answer threshold to a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(epilog="Example: whatsit calibrate demo/catalogue --false-positives 0.05 --curve curve.csv")(calibrate)


def calibrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The catalogue's folder.", show_default=False)],
    false_positives: Annotated[
        float, typer.Option(min=0, max=1, help="Share of photos of absent items that may be accepted.")
    ] = 0.05,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Real photos instead of synthetic ones: sub-folders named after item ids show those items, "
            "all other photos show nothing of the catalogue."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many photos.")] = 300,
    curve: Annotated[Path | None, typer.Option(help="Write the whole curve to this .csv or .png file.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Photos looked up at once; 0 is one per core.")] = 0,
    model_repository: Annotated[Path | None, typer.Option(help="Networks instead of Whatsit's own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Set the score that an answer needs, from a target rate of false positives.

    Photographs items of the catalogue as a phone might, looks each photo up with its own item taken out, and picks the
    lowest threshold that accepts no more of these than asked for. Servers on this catalogue use it from the next call.
    """
    import json
    import os
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from whatsit.calibration.calibrate import calibrate as measure
    from whatsit.evaluation.reports.open_set_curve import check_curve_file, write_curve

    if curve is not None:
        check_curve_file(curve)
    columns = (
        TextColumn("Looking up photos"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def step(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:.1f} photos/s" if speed else "")

        workers = workers or len(os.sched_getaffinity(0))
        found, seen, unread = measure(folder, false_positives, photos, limit, workers, model_repository, step)
    if curve is not None:
        write_curve(seen.curve(), seen.at(found.answer_score), curve)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "answer_rank": found.answer_score, "unread": unread}, indent=1))
        return
    typer.echo(f"An answer from {folder} now needs a score of {found.answer_score:.4f}, unless min_score is given.")
    typer.echo(
        f"{found.absent} {'synthetic ' if photos is None else ''}photos of things that it does not hold: "
        f"{found.false_accepts:.1%} are still taken for an item (target {false_positives:.1%})."
    )
    if found.coverage is not None and found.right is not None:
        typer.echo(
            f"{found.present} of things that it holds: {found.coverage:.1%} still find their item, "
            f"on {found.right:.1%} it is the best match."
        )
        if photos is None:
            typer.echo("Real photos find their item less often: measure that with --photos.", err=True)
    if unread:
        typer.echo(f"{unread} pictures could not be read and do not count.", err=True)
    if found.absent * false_positives < 5:
        typer.echo("So few photos make a rough threshold: give more with --limit or --photos.", err=True)
