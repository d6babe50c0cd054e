"""The command `whatsit calibrate`: fit the answer threshold to a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder, FalsePositives, ModelRepository


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(epilog="Example: whatsit calibrate demo/catalogue --false-positives 0.05 --curve curve.csv")(calibrate)


def calibrate(
    folder: CatalogueFolder,
    false_positives: FalsePositives = 0.05,
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
    replace: Annotated[bool, typer.Option("--replace", help="Replace a calibration that rests on more.")] = False,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Fit the probability of answers to a catalogue.

    Photographs items of the catalogue as a phone might, or takes your photos, looks each up with its own item and with
    it taken out, and picks the lowest threshold that accepts no more of the latter than asked for. Servers on this
    catalogue use it from the next call.
    """
    import json
    from dataclasses import asdict
    from functools import partial

    from whatsit.calibration.calibrate import calibrate as measure
    from whatsit.calibration.replacement import Replacement
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.evaluation.reports.open_set_curve import check_curve_file, write_curve

    if curve is not None:
        check_curve_file(curve)
    from whatsit.engines.available_cores import available_cores

    workers = workers or available_cores()
    put = Replacement(forced=replace)
    with progress_bars(as_json) as bar:
        step = partial(bar, "Looking up photos")
        found, seen, unread = measure(folder, false_positives, photos, limit, workers, model_repository, step, put)
    if curve is not None:
        write_curve(seen.curve(), seen.at(found.found), curve)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "unread": unread, "kept": put.kept}, indent=1))
        return
    if put.note:
        typer.echo(put.note, err=True)
    needs = "would need" if put.kept else "now needs"
    typer.echo(f"An answer from {folder} {needs} a probability of {found.found:.2f}.")
    if (found.slope, found.offset) != (1.0, 0.0):
        typer.echo(f"The shipped probability's logit is scaled by {found.slope:.2f} and moved by {found.offset:+.2f}.")
    typer.echo(
        f"{found.absent} {'synthetic ' if photos is None else ''}photos of things that it does not hold: "
        f"{found.false_accepts:.1%} are still taken for an item (target {false_positives:.1%})."
    )
    if found.coverage is not None and found.wrong is not None:
        typer.echo(
            f"{found.present} of things that it holds: {found.coverage:.1%} are answered rightly, "
            f"{found.wrong:.1%} wrongly."
        )
        if photos is None:
            typer.echo("Real photos find their item less often: measure that with --photos.", err=True)
    if unread:
        typer.echo(f"{unread} pictures could not be read and do not count.", err=True)
    if found.absent * false_positives < 5:
        typer.echo("So few photos make a rough threshold: give more with --limit or --photos.", err=True)
