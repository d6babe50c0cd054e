"""The command `whatsit label crops`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.label.app import open_console
from whatsit.cli.options import AsJson


def register(app: typer.Typer) -> None:
    """Add the command to `whatsit label`."""
    app.command(epilog="Example: whatsit label crops demo/catalogue --out crops")(crops)


def crops(
    catalogue: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a catalogue.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="Folder that gets pictures/, heat/, index.html and labels.json (COCO with weights).")
    ] = Path("crops"),
    as_json: AsJson = False,
) -> None:
    """Turn what visitors cropped and chose into weak labels, with heat maps.

    Visitors' crops are kept by `whatsit serve --collect crops`, of those who agreed. `whatsit train detector --crops`
    trains on the result; in the studio people confirm the boxes in the queue of cropped photos.

    The same command resumes after Ctrl-C.
    """
    import json
    from dataclasses import asdict

    from rich.progress import Progress

    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.crops.crop_labels import export_crop_labels
    from whatsit.catalogue.review.photo_networks import PhotoNetworks
    from whatsit.catalogue.serving_pair import own_network

    with (
        open_embedded(catalogue, "where no crops are kept") as store,
        PhotoNetworks(None, own_network(store.folder)) as networks,
        Progress(console=open_console()) as progress,
    ):
        task = progress.add_task("reading photos", total=None)
        report = export_crop_labels(
            store,
            out,
            networks,
            lambda done, total, note: progress.update(task, completed=done, total=total, description=note),
        )
    if as_json:
        typer.echo(json.dumps({**asdict(report), "labels": str(out / "labels.json"), "page": str(out / "index.html")}))
        return
    figures = ", ".join(f"{value} {name}" for name, value in asdict(report).items() if value)
    typer.echo(f"{out / 'labels.json'}: {figures}. Heat maps: {out / 'index.html'}.")
